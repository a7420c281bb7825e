//! A neighbour: how long somebody waits for an answer while others send what costs the most, and what
//! memory that takes and keeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use testkit::{Attack, Longshore, Sender};
use tokio::task::spawn_blocking;

use crate::{
    load,
    report::{Report, say},
    setup::{Bench, project},
};

/// Connections of those who attack: each sends as fast as it is answered.
const AT_ONCE: usize = 50;
/// How long memory may take to be given back.
const GIVEN_BACK: Duration = Duration::from_secs(20);
const REACH: &str = "p99 under 100 ms, under 100 MiB, given back";

/// The neighbour's median and 99th percentile, alone and beside each attack.
pub async fn beside_attacks(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("neighbour: preparing …");
    let (azure, ..) = bench.azure().await?;
    let longshore = bench.longshore(&azure.endpoints.cloud_file, "all")?;
    let project = project(&longshore).await?;
    let neighbour = Neighbour::of(&longshore);
    // Twice: the first time a server of a moment's age gets to its size.
    neighbour.beside(rest(bench)).await?;
    let alone = neighbour.beside(rest(bench)).await?;
    let idle = longshore.child.memory_kib()?;
    let measure = Measure {
        longshore: &longshore,
        neighbour: &neighbour,
        alone,
        idle,
    };

    let routes = server::every_route().into_iter();
    let routes = routes.map(|route| (route.method, route.path));
    let strangers = Attack::new(&longshore, Sender::Stranger, routes);
    let what = "strangers with the worst of each kind on every route";
    let attack = async { strangers.run(AT_ONCE).await.map(drop) };
    measure.add(what, attack, report).await?;

    for (what, message) in floods(&longshore, project) {
        let flood = flood(neighbour.address.clone(), message, bench.load_time());
        measure.add(what, flood, report).await?;
    }
    Ok(())
}

async fn rest(bench: &Bench) -> anyhow::Result<()> {
    tokio::time::sleep(bench.load_time()).await;
    Ok(())
}

/// What a benchmark of this kind compares.
struct Measure<'a> {
    longshore: &'a Longshore,
    neighbour: &'a Neighbour,
    alone: Waits,
    /// KiB.
    idle: u64,
}

impl Measure<'_> {
    async fn add(
        &self,
        what: &str,
        attack: impl Future<Output = anyhow::Result<()>>,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let child = &self.longshore.child;
        child.reset_peak_memory()?;
        let beside = self.neighbour.beside(attack).await?;
        let above = |kib: u64| kib.saturating_sub(self.idle) / 1_024;
        let peak = above(child.peak_memory_kib()?);
        let over = Instant::now();
        let mut kept = above(child.memory_kib()?);
        // Half of what the attack may take: the allocator keeps some for the next requests.
        while kept >= 50 && over.elapsed() < GIVEN_BACK {
            tokio::time::sleep(Duration::from_millis(100)).await;
            kept = above(child.memory_kib()?);
        }
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        report.add(
            &format!("a neighbour's p99 beside {AT_ONCE} × {what}, of alone"),
            format!(
                "p50 {:.1} ms and p99 {:.1} ms of {} answers in {:.0} s, alone {:.1} and {:.1} ms; {peak} MiB above idle at most, {kept} MiB after",
                ms(beside.median),
                ms(beside.p99),
                beside.answers,
                beside.took.as_secs_f64(),
                ms(self.alone.median),
                ms(self.alone.p99),
            ),
            format!("{:.1} ×", ms(beside.p99) / ms(self.alone.p99)),
            REACH,
            ms(beside.p99) < 100.0 && peak < 100 && kept < 50,
        );
        Ok(())
    }
}

/// One person who asks again and again, each time on a new connection.
struct Neighbour {
    /// `host:port`
    address: String,
    request: Vec<u8>,
}

/// How long the person waited.
struct Waits {
    median: Duration,
    p99: Duration,
    answers: usize,
    took: Duration,
}

impl Neighbour {
    fn of(longshore: &Longshore) -> Self {
        let address = longshore.url.trim_start_matches("http://").to_owned();
        let token = format!("Token {}", Longshore::TOKEN);
        let request = load::get(&address, "/api/projects/", &[("Authorization", &token)]);
        Self { address, request }
    }

    /// Asks for as long as the other work goes on.
    async fn beside(
        &self,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<Waits> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (address, request) = (self.address.clone(), self.request.clone());
        let ends = is_over.clone();
        let asking = spawn_blocking(move || {
            let begun = Instant::now();
            let mut times = Vec::new();
            while !ends.load(Relaxed) {
                times.push(load::once(&address, &request, 200)?.1);
            }
            times.sort_unstable();
            anyhow::ensure!(!times.is_empty(), "not one answer");
            Ok(Waits {
                median: times[times.len() / 2],
                p99: times[times.len() * 99 / 100],
                answers: times.len(),
                took: begun.elapsed(),
            })
        });
        let worked = work.await;
        is_over.store(true, Relaxed);
        let waits = asking.await?;
        worked?;
        waits
    }
}

/// Single requests that are each a lot of work, sent again and again.
fn floods(longshore: &Longshore, project: i64) -> Vec<(&'static str, Vec<u8>)> {
    let host = longshore.url.trim_start_matches("http://");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = ("Content-Type", "application/json");
    let origin = ("Origin", longshore.url.as_str());
    let token = format!("Token {}", Longshore::TOKEN);
    let signed = ("Authorization", token.as_str());
    let choices: String = (0..9_000)
        .map(|n| format!("<Choice value=\\\"{n}\\\"/>"))
        .collect();
    let config = format!(
        "{{\"label_config\":\"<View><Text name='t' value='$t'/><Choices name='c' toName='t'>{choices}</Choices></View>\"}}"
    );
    let validate = format!("/api/projects/{project}/validate");
    let guess = b"email=a%40example.com&password=guess";
    vec![
        (
            "wrong passwords",
            load::message("POST", host, "/user/login", &[form, origin], guess),
        ),
        (
            "labeling configs of 9,000 choices, signed in",
            load::message("POST", host, &validate, &[json, signed], config.as_bytes()),
        ),
    ]
}

/// The message on all connections for so long.
async fn flood(address: String, message: Vec<u8>, length: Duration) -> anyhow::Result<()> {
    spawn_blocking(move || {
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while begun.elapsed() < length {
                        // Whatever the answer is: none of them is meant to succeed.
                        let _ = load::once(&address, &message, 200);
                    }
                });
            }
        });
    })
    .await?;
    Ok(())
}
