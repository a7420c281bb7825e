//! Work that takes a core for more than a moment, away from the threads that answer everybody.

use std::{sync::LazyLock, thread::available_parallelism};

use model::budgets;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
    task::block_in_place,
};

/// As many at once as there are cores: more would only be slower, and would hold more memory.
static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(2, |cores| cores.get().max(2))));

/// Does the work here when its input is small, and else in its turn, on a thread whose other tasks
/// have gone to another one before. `bytes` is what it reads.
///
/// The work is not cut off when the caller goes away.
pub async fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < budgets::ASIDE {
        return work();
    }
    let _place = PLACES.acquire().await;
    // A runtime of one thread, as tests have, has nobody whom the work could delay.
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => block_in_place(work),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::budgets;
    use tokio::sync::mpsc;

    use super::aside;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_work_leaves_the_thread_to_others() {
        let (answered, mut answer) = mpsc::channel(1);
        let work = tokio::spawn(aside(budgets::ASIDE, move || answer.blocking_recv()));
        // On one thread this could not run before the work has ended, which waits for it.
        let other = tokio::spawn(async move { answered.send("done").await });
        let ended = tokio::time::timeout(Duration::from_secs(30), work).await;
        assert_eq!(ended.unwrap().unwrap(), Some("done"));
        other.await.unwrap().unwrap();
    }
}
