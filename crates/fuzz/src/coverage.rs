//! Which branches the last input took, in a build with LLVM's counters (`cargo xtask fuzz`).
//!
//! Such a build calls [`__sanitizer_cov_8bit_counters_init`] before `main` with the counters of its
//! branches, one byte each. In every other build there are none.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, Ordering::Relaxed},
};

/// Where counters lie: address and number.
static REGIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Called by instrumented code, once for each object file or once for all.
#[expect(unsafe_code, reason = "LLVM's instrumentation finds it by this name")]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    let region = (start as usize, end as usize - start as usize);
    let mut regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if region.1 > 0 && !regions.contains(&region) {
        regions.push(region);
    }
}

/// The branches seen so far.
pub(crate) struct Coverage {
    counters: Vec<&'static [AtomicU8]>,
    /// For each counter the sizes that it had: a bit each.
    seen: Vec<u8>,
    /// Branches taken by any input.
    pub(crate) branches: usize,
}

impl Coverage {
    pub(crate) fn new() -> Self {
        let regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let counters: Vec<_> = regions.iter().map(|region| counters(*region)).collect();
        let count = counters.iter().map(|counters| counters.len()).sum();
        Self {
            counters,
            seen: vec![0; count],
            branches: 0,
        }
    }

    /// Does this build count?
    pub(crate) fn is_there(&self) -> bool {
        !self.counters.is_empty()
    }

    /// Before an input.
    pub(crate) fn reset(&self) {
        for counter in self.counters.iter().copied().flatten() {
            counter.store(0, Relaxed);
        }
    }

    /// After it: did it take a branch, or a branch as often, as no input before?
    pub(crate) fn is_new(&mut self) -> bool {
        let mut is_new = false;
        let counters = self.counters.iter().copied().flatten();
        for (counter, seen) in counters.zip(&mut self.seen) {
            let size = match counter.load(Relaxed) {
                0 => continue,
                1 => 1,
                2 => 2,
                3 => 4,
                4..8 => 8,
                8..16 => 16,
                16..32 => 32,
                32..128 => 64,
                128.. => 128,
            };
            if *seen & size == 0 {
                self.branches += usize::from(*seen == 0);
                *seen |= size;
                is_new = true;
            }
        }
        is_new
    }
}

#[expect(unsafe_code, reason = "the counters are the linker's, not Rust's")]
fn counters((start, count): (usize, usize)) -> &'static [AtomicU8] {
    // SAFETY: the region is static memory of this program that instrumented code writes bytewise
    // and nothing else refers to; `AtomicU8` has the layout of `u8`.
    unsafe { std::slice::from_raw_parts(start as *const AtomicU8, count) }
}
