//! New inputs from old ones: bits, blocks, words of the grammar, numbers at their edges.

/// Numbers where parsers err, as texts.
const NUMBERS: [&str; 15] = [
    "0",
    "-0",
    "1",
    "-1",
    "127",
    "256",
    "65536",
    "2147483648",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "0.1e-400",
];

/// Bytes that end, escape or break something.
const SPECIAL: [&str; 22] = [
    "\0", "\n", "\r\n", "\t", " ", "\"", "'", "\\", "/", "..", "%", "%00", "&", "=", ",", ";",
    "\u{feff}", "é", "🐈", "\u{7f}", "\u{2028}", "İ",
];

/// Numbers that are the same for the same seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// A range inside `length`, short ones most often.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let longest = [4, 16, 64, length][self.below(4)];
        let end = (start + 1 + self.below(longest)).min(length);
        start..end.max(start)
    }
}

/// A child of one or two inputs of the corpus, at most `longest` bytes.
pub(crate) fn child(
    random: &mut Random,
    corpus: &[Vec<u8>],
    words: &[&str],
    longest: usize,
) -> Vec<u8> {
    // The youngest went the newest ways: half of the children are theirs.
    let young = if random.below(2) == 0 {
        corpus.len().div_ceil(4)
    } else {
        corpus.len()
    };
    let mut child = corpus[corpus.len() - 1 - random.below(young)].clone();
    for _ in 0..=random.below(5) {
        change(random, &mut child, corpus, words);
    }
    child.truncate(longest);
    child
}

fn change(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let length = input.len();
    let at = random.below(length + 1);
    let range = random.range(length);
    match random.below(14) {
        0 if length > 0 => input[range.start] ^= 1 << random.below(8),
        1 if length > 0 => input[range.start] = random.next() as u8,
        2 => drop(input.drain(range)),
        3 => input.truncate(at),
        4 => {
            let new: Vec<u8> = (0..=random.below(8)).map(|_| random.next() as u8).collect();
            input.splice(at..at, new);
        }
        // A block again, sometimes often: what is deep, long or quadratic.
        5 => {
            let times = [1, 2, 8, 64, 512][random.below(5)];
            let block = input[range.clone()].repeat(times.min(4_096 / range.len().max(1)));
            input.splice(range.end..range.end, block);
        }
        6 => {
            let block = input[range].to_vec();
            input.splice(at..at, block);
        }
        7 => {
            let block: Vec<u8> = input.drain(range).collect();
            let at = random.below(input.len() + 1);
            input.splice(at..at, block);
        }
        // A part of another input, or its whole end.
        8 => {
            let other = &corpus[random.below(corpus.len())];
            let part = other[random.range(other.len())].to_vec();
            input.splice(range, part);
        }
        9 => {
            let other = &corpus[random.below(corpus.len())];
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        10 if !words.is_empty() => {
            let word = random.of(words).as_bytes();
            let end = if random.below(2) == 0 {
                at
            } else {
                range.end.max(at)
            };
            input.splice(at..end.min(length), word.iter().copied());
        }
        11 => {
            let special = random.of(&SPECIAL).as_bytes();
            input.splice(at..at, special.iter().copied());
        }
        12 => number(random, input),
        13 => {
            let edge =
                [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF_FFFF, u64::MAX >> 1, u64::MAX][random.below(8)];
            let mut bytes = edge.to_le_bytes()[..1 << random.below(4)].to_vec();
            if random.below(2) == 0 {
                bytes.reverse();
            }
            let end = (at + bytes.len()).min(length);
            input.splice(at..end, bytes);
        }
        _ => {}
    }
}

/// Replaces a number of the text by one at an edge.
fn number(random: &mut Random, input: &mut Vec<u8>) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let from = random.below(input.len());
    let Some(start) = input[from..].iter().position(is_digit).map(|at| from + at) else {
        return;
    };
    let end = input[start..]
        .iter()
        .position(|byte| !is_digit(byte))
        .map_or(input.len(), |at| start + at);
    let number = random.of(&NUMBERS).as_bytes();
    input.splice(start..end, number.iter().copied());
}

/// A shorter input that still fails, looked for with at most `tries` tries.
pub(crate) fn shortest(
    mut input: Vec<u8>,
    mut tries: usize,
    fails: impl Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut block = input.len().div_ceil(2);
    while block > 0 {
        let mut at = 0;
        while at < input.len() {
            if tries == 0 {
                return input;
            }
            tries -= 1;
            let mut shorter = input.clone();
            shorter.drain(at..(at + block).min(input.len()));
            if fails(&shorter) {
                input = shorter;
            } else {
                at += block;
            }
        }
        block /= 2;
    }
    input
}

#[cfg(test)]
mod tests {
    use super::{Random, child, shortest};

    #[test]
    fn the_same_seed_gives_the_same_children_within_the_limit() {
        let corpus = [b"bytes=0-99".to_vec(), Vec::new()];
        let children = |seed| {
            let mut random = Random::new(seed);
            let mut one = || child(&mut random, &corpus, &["-"], 64);
            (0..2_000).map(|_| one()).collect::<Vec<_>>()
        };
        assert_eq!(children(7), children(7));
        assert_ne!(children(7), children(8));
        assert!(children(7).iter().all(|child| child.len() <= 64));
    }

    #[test]
    fn a_failing_input_is_cut_to_what_makes_it_fail() {
        let input = [&[b'x'; 300][..], b"ab", &[b'y'; 300]].concat();
        let fails = |input: &[u8]| input.contains(&b'a') && input.contains(&b'b');
        assert_eq!(shortest(input, 5_000, fails), b"ab");
    }
}
