//! A neighbour: how long somebody waits for an answer while others send what costs the most.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use testkit::Longshore;

use crate::{
    load,
    report::{Report, say},
    setup::{Bench, project},
};

/// Connections of those who attack: each sends as fast as it is answered.
const AT_ONCE: usize = 50;

/// The neighbour's median and 99th percentile, alone and beside each attack.
pub async fn beside_attacks(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("neighbour: preparing …");
    let (azure, ..) = bench.azure().await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, "all")?;
    let project = project(&longshore).await?;
    let length = bench.load_time();
    let address = longshore.url.trim_start_matches("http://").to_owned();
    let token = format!("Token {}", Longshore::TOKEN);
    let alone = times(&address, &token, length).await?;
    let idle = longshore.child.memory_kib()?;

    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = ("Content-Type", "application/json");
    let origin = ("Origin", longshore.url.as_str());
    let signed = ("Authorization", token.as_str());
    let names: Vec<String> = (0..1_200_000).map(|number| format!("{number:x}")).collect();
    let choices: String = (0..20_000)
        .map(|n| format!("<Choice value=\\\"{n}\\\"/>"))
        .collect();
    let config = format!(
        "{{\"label_config\":\"<View><Text name='t' value='$t'/><Choices name='c' toName='t'>{choices}</Choices></View>\"}}"
    );
    let validate = format!("/api/projects/{project}/validate");
    for (what, path, headers, body) in [
        (
            "forms of a million names",
            "/api/token/refresh",
            &[form][..],
            names.join("&"),
        ),
        (
            "wrong passwords",
            "/user/login",
            &[form, origin],
            "email=a%40example.com&password=guess".to_owned(),
        ),
        (
            "labeling configs of 20,000 choices",
            &validate,
            &[json, signed],
            config,
        ),
    ] {
        let message = load::message("POST", &address, path, headers, body.as_bytes());
        longshore.child.reset_peak_memory()?;
        let attack = Attack::begin(&address, message);
        let beside = times(&address, &token, length).await;
        attack.end();
        let beside = beside?;
        let peak = longshore.child.peak_memory_kib()?.saturating_sub(idle) / 1_024;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        report.add(
            &format!("a neighbour's p99 beside {AT_ONCE} × {what}, of alone"),
            format!(
                "p50 {:.1} ms and p99 {:.1} ms; alone {:.1} and {:.1} ms; {peak} MiB above idle",
                ms(beside.0),
                ms(beside.1),
                ms(alone.0),
                ms(alone.1)
            ),
            format!("{:.1} ×", ms(beside.1) / ms(alone.1)),
            "p99 under 100 ms, 100 MiB",
            ms(beside.1) < 100.0 && peak < 100,
        );
    }
    Ok(())
}

/// Those who attack, until they are ended.
struct Attack {
    is_over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Attack {
    fn begin(address: &str, message: Vec<u8>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let message = Arc::new(message);
        let threads = (0..AT_ONCE).map(|_| {
            let (address, message, is_over) =
                (address.to_owned(), message.clone(), is_over.clone());
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    // Whatever the answer is: none of them is meant to succeed.
                    let _ = load::once(&address, &message, 200);
                }
            })
        });
        let threads = threads.collect();
        Self { is_over, threads }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Median and 99th percentile of one person's requests, one after another.
async fn times(
    address: &str,
    token: &str,
    length: Duration,
) -> anyhow::Result<(Duration, Duration)> {
    let request = load::get(address, "/api/projects/", &[("Authorization", token)]);
    let address = address.to_owned();
    tokio::task::spawn_blocking(move || {
        let begun = std::time::Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < length {
            times.push(load::once(&address, &request, 200)?.1);
        }
        times.sort_unstable();
        Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
    })
    .await?
}
