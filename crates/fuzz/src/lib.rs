//! Fuzzing of parsers that read strangers' bytes, on the stable toolchain.
//!
//! A target is a unit test in a module `fuzz` beside its parser, so that the parser stays private:
//!
//! ```ignore
//! #[cfg(test)]
//! mod fuzz {
//!     #[test]
//!     fn ranges() {
//!         ::fuzz::texts("ranges", &["bytes=0-99"], &["bytes=", "-"], |text| {
//!             // What must hold for every text; a panic is a finding.
//!         });
//!     }
//! }
//! ```
//!
//! Run as a unit test it tries its seeds, the committed findings of `corpus/NAME`, and a few hundred
//! inputs that are the same each time. `cargo xtask test` gives each target ten seconds of them;
//! `cargo xtask fuzz` gives it, with others each time, as long as one likes, in a build that counts
//! which branches an input takes, so that inputs that go new ways are bred from.

mod coverage;
mod mutate;
mod run;

use run::Run;

/// A target over bytes.
///
/// `name` is also the test's; `seeds` are whole inputs of every shape that the parser knows; `words`
/// are what its grammar is made of.
///
/// # Panics
/// When `property` panics: with the shortest input found for it, which is stored in
/// `crates/fuzz/corpus/NAME`.
pub fn bytes(name: &str, seeds: &[&[u8]], words: &[&str], property: impl Fn(&[u8])) {
    Run::of(name, words).go(seeds, &property);
}

/// A target over texts; input that is no UTF-8 has its bad parts replaced.
///
/// # Panics
/// As [`bytes`].
pub fn texts(name: &str, seeds: &[&str], words: &[&str], property: impl Fn(&str)) {
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| seed.as_bytes()).collect();
    bytes(name, &seeds, words, |input| {
        property(&String::from_utf8_lossy(input));
    });
}
