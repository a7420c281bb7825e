//! Whatever is sent to whatever route, by a stranger or by a member who may only read: a short answer,
//! little memory that is given back, and somebody else's request is answered meanwhile.

mod connections;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::ensure;
use reqwest::Method;
use testkit::{Attack, Longshore, Sender, eventually};
use tokio::task::JoinSet;

use crate::world::{IMAGE_CONFIG, World};

/// More than when nobody asks anything.
const MOST_MEMORY_KIB: u64 = 100 << 10;
/// For somebody else's answer, on a machine that does much else: the benchmark has the figures.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// Tries the attack while somebody else uses the server; how long they waited at most.
async fn beside_a_neighbour(
    longshore: &Longshore,
    attack: impl Future<Output = anyhow::Result<usize>>,
) -> anyhow::Result<Duration> {
    let is_over = AtomicBool::new(false);
    let attack = async {
        let ended = attack.await;
        is_over.store(true, Ordering::Relaxed);
        ended
    };
    // With connections of their own: those of who attacks are closed under them.
    let own = reqwest::Client::builder().no_proxy().build()?;
    let neighbour = async {
        let mut longest = Duration::ZERO;
        while !is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let request = own
                .get(format!("{}/api/projects/", longshore.url))
                .header("Authorization", format!("Token {}", Longshore::TOKEN));
            Longshore::answer(request).await?.expect(200)?;
            longest = longest.max(asked.elapsed());
        }
        anyhow::Ok(longest)
    };
    let (attacked, longest) = tokio::join!(attack, neighbour);
    attacked?;
    longest
}

#[tokio::test]
async fn a_server_that_nobody_asks_rests() -> anyhow::Result<()> {
    let world = World::start().await?;
    let child = &world.longshore.child;
    let begin = child.processor_time()?;
    // What is measured is time itself.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let taken = child.processor_time()? - begin;
    assert!(taken < Duration::from_secs(1), "{taken:?} of 3 seconds");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_of_a_stranger_or_reader_costs_much_on_any_route() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    world.project(IMAGE_CONFIG).await?;
    let reader = reader(longshore)?;
    let routes = server::every_route().into_iter();
    let routes = routes.map(|route| (route.method, route.path));
    let routes: Vec<_> = routes.collect();
    ensure!(routes.len() > 200, "{} routes", routes.len());

    let idle = longshore.child.memory_kib()?;
    longshore.child.reset_peak_memory()?;
    let strangers = Attack::new(longshore, Sender::Stranger, routes.clone());
    let waited = beside_a_neighbour(longshore, strangers.run(50)).await?;
    let peak = longshore.child.peak_memory_kib()?;
    ensure!(peak < idle + MOST_MEMORY_KIB, "{peak} KiB, idle {idle} KiB");
    ensure!(waited < MOST_WAIT, "a neighbour waited {waited:?}");

    let readers = Attack::new(longshore, Sender::Member(reader), routes);
    let waited = beside_a_neighbour(longshore, readers.run(8)).await?;
    ensure!(waited < MOST_WAIT, "a neighbour waited {waited:?}");
    given_back(longshore, idle).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sign_ins_at_once_take_little_memory_and_delay_nobody_else() -> anyhow::Result<()> {
    let world = World::start().await?;
    let longshore = &world.longshore;
    let reader = reader(longshore)?;
    let idle = longshore.child.memory_kib()?;
    longshore.child.reset_peak_memory()?;
    let guess = |number: usize| {
        let form = [
            ("email", format!("{number}@example.com")),
            ("password", "guess".into()),
        ];
        longshore
            .anonymous(Method::POST, "/user/login")
            .header("Origin", &longshore.url)
            .form(&form)
    };
    let change = || {
        let form = [("current_password", "guess"), ("password", "another one")];
        longshore
            .anonymous(Method::POST, "/settings/account/password")
            .header("Authorization", format!("Token {reader}"))
            .form(&form)
    };
    // Somebody signs in beside the first of them, who do not use up what one address may fail.
    let mut waited = Duration::ZERO;
    for (begin, end) in [(0, 20), (20, 70)] {
        let guesses = (begin..end).map(|number| Longshore::answer(guess(number)));
        let changes = (0..24).map(|_| Longshore::answer(change()));
        let asked: JoinSet<_> = guesses.chain(changes).collect();
        if begin == 0 {
            let began = Instant::now();
            testkit::Person::owner(longshore).await?;
            waited = began.elapsed();
        }
        for answer in asked.join_all().await {
            let answer = answer?;
            ensure!(
                matches!(answer.status, 400 | 401 | 429 | 503),
                "{}: {}",
                answer.status,
                answer.text
            );
            let retry = answer.headers.contains_key("retry-after");
            ensure!(answer.status != 503 || retry, "{}", answer.text);
        }
    }
    let peak = longshore.child.peak_memory_kib()?;
    ensure!(peak < idle + MOST_MEMORY_KIB, "{peak} KiB, idle {idle} KiB");
    ensure!(waited < 3 * MOST_WAIT, "signing in took {waited:?}");
    given_back(longshore, idle).await
}

/// Waits until the memory is about what it was; what is kept is for the next passwords.
async fn given_back(longshore: &Longshore, idle: u64) -> anyhow::Result<()> {
    eventually(
        "memory to be given back",
        Duration::from_secs(20),
        async || {
            let now = longshore.child.memory_kib()?;
            Ok((now < idle + MOST_MEMORY_KIB).then_some(()))
        },
    )
    .await
}

/// The token of a member who may only read.
fn reader(longshore: &Longshore) -> anyhow::Result<String> {
    let email = "reader@longshore.example";
    let mut last = String::new();
    for arguments in [
        &["user", "create", email, "--role", "read_only"][..],
        &["token", "create", email],
    ] {
        let output = longshore.command(arguments)?;
        ensure!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout)?;
        last = text.lines().last().unwrap_or_default().to_owned();
    }
    Ok(last)
}
