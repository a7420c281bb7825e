//! Which branches the last input took, in a build with LLVM's counters (`cargo xtask fuzz`).
//!
//! Such a build calls [`__sanitizer_cov_8bit_counters_init`] before `main` with the counters of its
//! branches, one byte each. In every other build there are none.

use std::{
    ptr,
    sync::{Mutex, PoisonError},
};

/// Where counters lie: address and number.
static REGIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// Counters that are looked at together: most are 0, and a look costs as much as a short input.
const BLOCK: usize = 1_024;
const PART: usize = 32;

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
    regions: Vec<(usize, usize)>,
    /// For each counter the sizes that it had: a bit each.
    seen: Vec<u8>,
    /// Branches taken by any input.
    pub(crate) branches: usize,
}

impl Coverage {
    pub(crate) fn new() -> Self {
        let regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let count = regions.iter().map(|(_, count)| count).sum();
        Self {
            regions: regions.clone(),
            seen: vec![0; count],
            branches: 0,
        }
    }

    /// Does this build count?
    pub(crate) fn is_there(&self) -> bool {
        !self.regions.is_empty()
    }

    /// Before an input.
    pub(crate) fn reset(&self) {
        for (start, count) in &self.regions {
            zero(*start, *count);
        }
    }

    /// After it: did it take a branch, or a branch as often, as no input before?
    pub(crate) fn is_new(&mut self) -> bool {
        let mut is_new = false;
        let mut before = 0;
        for (start, count) in &self.regions {
            for at in (0..*count).step_by(BLOCK) {
                let length = BLOCK.min(count - at);
                let now = &read(start + at, length)[..length];
                if now == &[0; BLOCK][..length] {
                    continue;
                }
                let seen = &mut self.seen[before + at..][..length];
                for (now, seen) in now.chunks(PART).zip(seen.chunks_mut(PART)) {
                    if now == &[0; PART][..now.len()] {
                        continue;
                    }
                    for (now, seen) in now.iter().zip(seen) {
                        let size = size(*now);
                        if *seen & size != size {
                            self.branches += usize::from(*seen == 0);
                            *seen |= size;
                            is_new = true;
                        }
                    }
                }
            }
            before += count;
        }
        is_new
    }
}

/// How often a branch was taken, as a bit; never is none.
fn size(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..8 => 8,
        8..16 => 16,
        16..32 => 32,
        32..128 => 64,
        128.. => 128,
    }
}

#[expect(unsafe_code, reason = "the counters are the linker's, not Rust's")]
fn read(start: usize, length: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    // SAFETY: `start` and the bytes behind it are counters, which live as long as the program and to
    // which no reference exists; instrumented code of other threads may count meanwhile, which costs a
    // count and nothing else, since every byte is a counter.
    unsafe { ptr::copy_nonoverlapping(start as *const u8, block.as_mut_ptr(), length.min(BLOCK)) };
    block
}

#[expect(unsafe_code, reason = "the counters are the linker's, not Rust's")]
fn zero(start: usize, length: usize) {
    // SAFETY: as in `read`.
    unsafe { ptr::write_bytes(start as *mut u8, 0, length) };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    use super::{BLOCK, Coverage};

    #[test]
    fn a_branch_is_new_once_for_each_size_of_its_count() {
        let counters: Vec<AtomicU8> = (0..BLOCK + 100).map(|_| AtomicU8::new(0)).collect();
        let start = counters.as_ptr() as usize;
        let mut coverage = Coverage {
            regions: vec![(start, 0), (start, BLOCK + 100)],
            seen: vec![0; BLOCK + 100],
            branches: 0,
        };
        let mut after = |counts: &[(usize, u8)]| {
            coverage.reset();
            for (at, count) in counts {
                counters[*at].store(*count, Relaxed);
            }
            (coverage.is_new(), coverage.branches)
        };
        assert_eq!(after(&[]), (false, 0));
        assert_eq!(after(&[(3, 1), (BLOCK + 99, 1)]), (true, 2));
        assert_eq!(after(&[(BLOCK + 99, 1)]), (false, 2));
        assert_eq!(after(&[(BLOCK + 99, 5)]), (true, 2));
        assert_eq!(after(&[(BLOCK + 99, 7), (3, 1)]), (false, 2));
        assert_eq!(after(&[(BLOCK, 255)]), (true, 3));
    }
}
