//! The proxy against asking the blob server itself: Azurite, the same blobs, the same load generator.

use std::time::Duration;

use model::BlobName;
use serde_json::json;
use testkit::Azurite;
use url::Url;

use crate::{
    load,
    report::{Report, say},
    resolve::media_requests,
    setup::{Bench, client, project, storage, sync},
};

const SMALL: usize = 10 << 10;
const LARGE: usize = 100 << 20;
/// Large blobs read at once when memory is measured.
const STREAMS: usize = 8;

/// Small blobs on 16 connections and on one; a large blob; memory per stream.
pub async fn against_azurite(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    say("proxy: preparing …");
    let azurite = Azurite::start(&bench.dev_dir)?;
    let folder = tempfile::tempdir()?;
    let cloud_file = folder.path().join("cloud.toml");
    std::fs::write(&cloud_file, azurite.cloud_profile())?;
    for container in ["small", "large"] {
        azurite.create_container(container).await?;
    }
    let small = client(&cloud_file, Azurite::ACCOUNT, Azurite::KEY, "small")?;
    let large = client(&cloud_file, Azurite::ACCOUNT, Azurite::KEY, "large")?;
    let put = azure::PutCondition::None;
    for number in 0..100 {
        let name = BlobName::parse(format!("{number:03}.png"))?;
        small
            .put(&name, vec![number; SMALL].into(), "image/png", &put)
            .await?;
    }
    let large_name = BlobName::parse("large.bin")?;
    large
        .put(
            &large_name,
            vec![7; LARGE].into(),
            "application/octet-stream",
            &put,
        )
        .await?;

    let longshore = bench.longshore(&cloud_file, "all")?;
    let mut proxied = Vec::new();
    for container in ["small", "large"] {
        let project = project(&longshore).await?;
        let body = json!({
            "project": project, "account_name": Azurite::ACCOUNT, "account_key": Azurite::KEY, "container": container,
            "use_blob_urls": true, "recursive_scan": true, "presign": false,
        });
        let storage = storage(&longshore, "/api/storages/azure/", &body).await?;
        sync(&longshore, &storage).await?;
        proxied.push(media_requests(&longshore, project).await?);
    }
    let sign = azure::SignRequest {
        ttl: Duration::from_secs(3600),
        response_content_type: None,
        response_content_disposition: None,
        correlation_id: None,
    };
    let mut direct = Vec::new();
    for number in 0..100 {
        direct.push(request(
            small
                .sign(&BlobName::parse(format!("{number:03}.png"))?, &sign)
                .await?
                .url
                .expose(),
        )?);
    }
    let direct_large = request(large.sign(&large_name, &sign).await?.url.expose())?;

    let azurite_address = azurite.url.trim_start_matches("http://").to_owned();
    let our_address = longshore.url.trim_start_matches("http://").to_owned();
    let length = bench.load_time();
    let (large_proxied, small_proxied) = (proxied.remove(1).remove(0), proxied.remove(0));
    let (addresses, large_requests) = (
        (azurite_address.clone(), our_address.clone()),
        (direct_large.clone(), large_proxied.clone()),
    );
    let (ours, theirs, our_one, their_one, our_large, their_large) =
        tokio::task::spawn_blocking(move || {
            let (theirs_at, ours_at) = addresses;
            // Interleaved, and the better of two each: other work on the machine hits both alike.
            let pair = |connections: usize| -> anyhow::Result<(load::Load, load::Load)> {
                let mut best: Option<(load::Load, load::Load)> = None;
                for _ in 0..2 {
                    let theirs = load::run(&theirs_at, &direct, connections, length / 2, 200)?;
                    let ours = load::run(&ours_at, &small_proxied, connections, length / 2, 200)?;
                    let better = |old: load::Load, new: load::Load| {
                        if new.per_second > old.per_second {
                            new
                        } else {
                            old
                        }
                    };
                    best = Some(best.map_or((ours, theirs), |(old_ours, old_theirs)| {
                        (better(old_ours, ours), better(old_theirs, theirs))
                    }));
                }
                best.ok_or_else(|| anyhow::anyhow!("no round"))
            };
            let (ours, theirs) = pair(16)?;
            let (our_one, their_one) = pair(1)?;
            let (mut our_large, mut their_large) = (Duration::MAX, Duration::MAX);
            for _ in 0..4 {
                their_large = their_large.min(load::once(&theirs_at, &large_requests.0, 200)?.1);
                our_large = our_large.min(load::once(&ours_at, &large_requests.1, 200)?.1);
            }
            anyhow::Ok((ours, theirs, our_one, their_one, our_large, their_large))
        })
        .await??;

    let ratio = ours.per_second / theirs.per_second;
    report.add(
        "proxy, 10 KiB blobs, 16 connections, of asking Azurite",
        format!("{:.0}/s of {:.0}/s", ours.per_second, theirs.per_second),
        format!("{ratio:.2} ×"),
        "at least 0.7 ×",
        ratio >= 0.7,
    );
    let added = our_one.mean.saturating_sub(their_one.mean);
    report.add(
        "proxy, time added at one connection",
        format!(
            "{:.2} ms against {:.2} ms",
            our_one.mean.as_secs_f64() * 1e3,
            their_one.mean.as_secs_f64() * 1e3
        ),
        format!("{:.2} ms", added.as_secs_f64() * 1e3),
        "under 1 ms",
        added < Duration::from_millis(1),
    );
    let ratio = their_large.as_secs_f64() / our_large.as_secs_f64();
    let speed = |took: Duration| LARGE as f64 / 1e6 / took.as_secs_f64();
    report.add(
        "proxy, one 100 MiB blob, of asking Azurite",
        format!(
            "{:.0} MB/s of {:.0} MB/s",
            speed(our_large),
            speed(their_large)
        ),
        format!("{ratio:.2} ×"),
        "at least 0.6 ×",
        ratio >= 0.6,
    );

    longshore.child.reset_peak_memory()?;
    let before = longshore.child.peak_memory_kib()?;
    tokio::task::spawn_blocking(move || {
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| {
                let (address, request) = (our_address.clone(), large_proxied.clone());
                std::thread::spawn(move || load::once(&address, &request, 200))
            })
            .collect();
        streams
            .into_iter()
            .try_for_each(|stream| match stream.join() {
                Ok(answer) => answer.map(|_| ()),
                Err(_) => anyhow::bail!("a stream panicked"),
            })
    })
    .await??;
    let per_stream = (longshore.child.peak_memory_kib()?.saturating_sub(before)) as f64
        / 1024.0
        / STREAMS as f64;
    report.add(
        "proxy, memory per stream of 100 MiB",
        format!("{STREAMS} streams at once"),
        format!("{per_stream:.1} MiB"),
        "under 4 MiB",
        per_stream < 4.0,
    );
    Ok(())
}

fn request(signed: &str) -> anyhow::Result<Vec<u8>> {
    let url = Url::parse(signed)?;
    let host = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port().unwrap_or(80)
    );
    Ok(load::get(
        &host,
        &format!("{}?{}", url.path(), url.query().unwrap_or_default()),
        &[],
    ))
}
