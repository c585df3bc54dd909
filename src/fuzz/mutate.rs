//! Mutates seeds: bits, bytes, numbers, pieces of the input and of other seeds, and
//! keywords of the formats.

/// Keywords and delimiters of the parsed formats.
const WORDS: [&[u8]; 40] = [
    b"null",
    b"{}",
    b"[]",
    b"\"\"",
    b"{\"a\":",
    b"[[[[[[[[",
    b"}",
    b"]",
    b",",
    b":",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x80\xae",
    b"\0",
    b"\r\n",
    b"\n",
    b"---\n",
    b"- ",
    b"  ",
    b"\t",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!binary ",
    b"|-\n",
    b"sha256:",
    b"sha512:",
    b"@",
    b"/",
    b"..",
    b"0000",
    b"ffff",
    b"\"",
    b"=",
    b"Bearer realm=\"",
];

/// A reproducible stream of mutated inputs.
pub(super) struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// Starts from seeds and a seed number.
    pub(super) fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        Self {
            seeds,
            state: number.wrapping_mul(2).wrapping_add(1),
        }
    }

    /// Returns a number below the limit (xorshift64*).
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % limit.max(1)
    }

    /// Returns the next input, of at most `max` bytes.
    pub(super) fn next(&mut self, max: usize) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        let mut input = self.seeds[at].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(max);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(32)).min(input.len());
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap(),
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
            3 if at < end => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..end, word.iter().copied());
            }
            4 if at < end => drop(input.drain(at..end)),
            5 if at < end => {
                let piece = input[at..end].to_vec();
                let times = 1 + self.below(20);
                input.splice(at..at, piece.repeat(times));
            }
            6 => {
                let other = self.below(self.seeds.len());
                let other = self.seeds[other].clone();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 => input.truncate(at),
            _ => {
                let from = self.below(input.len() + 1);
                let piece = input[from..(from + 64).min(input.len())].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
}
