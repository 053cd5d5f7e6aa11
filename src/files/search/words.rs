//! Which names a search finds.

/// The words that are searched for, in the form in which texts are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

/// The search text is longer than [`MAX_CHARS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The longest search text, in characters.
pub(crate) const MAX_CHARS: usize = 256;

impl Words {
    /// The words of a search text; `None` if it has none.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if the text has more than [`MAX_CHARS`] characters.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, TooLong> {
        if text.chars().nth(MAX_CHARS).is_some() {
            return Err(TooLong);
        }
        let fold_word = |word: &str| {
            let mut folded = String::new();
            fold(word, &mut folded);
            folded
        };
        let words: Vec<_> = text.split_whitespace().map(fold_word).collect();
        Ok((!words.is_empty()).then_some(Self(words)))
    }

    /// Whether all words are in this folded path, at least one of them in the name that starts at `name`: what is below a directory
    /// is not found merely because the directory would be.
    pub(crate) fn are_in(&self, path: &str, name: usize) -> bool {
        self.0.iter().all(|word| path.contains(word)) && self.0.iter().any(|word| ends_in(path, name, word))
    }
}

/// Whether the word is in the text in a place that ends behind `start`.
fn ends_in(text: &str, start: usize, word: &str) -> bool {
    let mut first = start.saturating_sub(word.len() - 1);
    while !text.is_char_boundary(first) {
        first += 1;
    }
    text[first..].contains(word)
}

/// Appends the text in the form in which texts are compared: without the difference between upper and lower case. Accents and
/// composed characters stay as they are.
pub(crate) fn fold(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            // The dotted capital I has no lower case of one character, unlike the three other letters of its kind.
            'İ' => out.push('i'),
            // By way of the upper case, so that both forms of sigma, and ß and ss, are the same.
            c => out.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_names_and_paths() {
        let table = [
            // text, path, whether it is found, why
            ("b", "abc", true, "inside"),
            ("abc", "abc", true, "all of it"),
            ("abcd", "abc", false, "longer"),
            ("ABC", "xabcx", true, "in another case"),
            ("abc", "xABCx", true, "the same the other way round"),
            ("größe", "Schuh-GRÖSSE.txt", true, "ß and its upper case"),
            ("ΟΔΟΣ", "οδος", true, "a final sigma"),
            ("οδοσ", "ΟΔΟΣ1", true, "a sigma that is not final"),
            ("istanbul", "İSTANBUL", true, "a dotted capital I"),
            ("ISPARTA", "ısparta", true, "a dotless i"),
            ("straße", "STRASSE", true, "of another length"),
            ("ж", "Ж", true, "Cyrillic"),
            ("é", "e\u{301}", false, "composed, and not: they are not normalized"),
            ("e", "é", false, "an accent matters"),
            ("a.c", "abc", false, "a dot is no pattern"),
            ("a*", "abc", false, "nor is a star"),
            (".*", "a.*b", true, "they are looked for as they are"),
            ("[a-z]+(", "x[a-z]+(x", true, "and so are all others"),
            ("one two", "two one", true, "in any order"),
            ("one two", "one", false, "all words"),
            ("  one\t two\n", "one-two", true, "any white space"),
            ("photos", "photos/a.jpg", false, "not in the name"),
            ("photos a", "photos/a.jpg", true, "one in the name, one above"),
            ("photos 2024", "photos/2024/a.jpg", false, "none in the name"),
            ("photos/a", "photos/a.jpg", true, "a path"),
            ("photos/", "photos/a.jpg", false, "which has to reach into the name"),
            ("os/2024/a", "photos/2024/a.jpg", true, "over several directories"),
            ("a", "ä/ä a", true, "behind characters of several bytes"),
            ("ää", "ä/ää", true, "the word is longer than what is before the name"),
        ];
        for (text, path, expected, why) in table {
            let words = Words::parse(text).unwrap().unwrap();
            let mut folded = String::new();
            let (directory, name) = path.rsplit_once('/').map_or(("", path), |(directory, name)| (directory, name));
            if !directory.is_empty() {
                fold(directory, &mut folded);
                folded.push('/');
            }
            let start = folded.len();
            fold(name, &mut folded);
            assert_eq!(words.are_in(&folded, start), expected, "{text:?} in {path:?}: {why}");
        }
    }

    #[test]
    fn a_text_has_words_and_a_length() {
        for text in ["", " ", "\t\n\u{3000}"] {
            assert_eq!(Words::parse(text), Ok(None), "{text:?}");
        }
        let longest = "ä".repeat(MAX_CHARS);
        assert!(matches!(Words::parse(&longest), Ok(Some(_))));
        assert_eq!(Words::parse(&format!("{longest} ")), Err(TooLong));
    }
}
