//! Random texts with the word frequencies of a language, so that words and vectors can distinguish them.

use longshore_kit::random::Random;

/// Power of 2 that gives the number of words. The n-th word is used about as often as 1/n, as Zipf found for English.
const WORDS_POWER: i64 = 14;
const SYLLABLES: [&str; 20] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo",
    "zu",
];
/// Words of a section: with its heading it is one chunk of about 600 characters.
const SECTION_WORDS: usize = 90;

/// Generates a document of `sections` sections, each of which is one chunk. The same number gives the same document.
pub(super) fn document(number: usize, sections: usize) -> String {
    let random = Random::new(u64::try_from(number).unwrap_or_default() << 20);
    let section = |n| format!("# {} {n}\n\n{}.\n", word(&random), words(&random, SECTION_WORDS));
    (0..sections).map(section).collect::<Vec<_>>().join("\n")
}

/// Consecutive words of a text, as a user searches for a remembered phrase.
pub(super) fn phrase(random: &Random, text: &str, length: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let last = i64::try_from(words.len().saturating_sub(length)).unwrap_or_default();
    let at = usize::try_from(random.between(0, last)).unwrap_or_default();
    words[at..].iter().take(length).copied().collect::<Vec<_>>().join(" ")
}

fn words(random: &Random, count: usize) -> String {
    (0..count).map(|_| word(random)).collect::<Vec<_>>().join(" ")
}

fn word(random: &Random) -> String {
    // If every length is equally likely, the number n is about as likely as 1/n.
    let least = 1_i64 << random.between(0, WORDS_POWER - 1);
    let mut rank = usize::try_from(random.between(least, 2 * least - 1)).unwrap_or_default();
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[rank % SYLLABLES.len()]);
        rank /= SYLLABLES.len();
        if rank == 0 {
            return word;
        }
    }
}
