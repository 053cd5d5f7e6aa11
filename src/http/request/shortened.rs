//! Text of the client's in an error, which may be as long as the body.

/// The text without its middle if it is long.
pub(super) fn shortened(text: String) -> String {
    if text.len() <= 2 * SHOWN {
        return text;
    }
    let is_boundary = |index: &usize| text.is_char_boundary(*index);
    let start = (0..=SHOWN).rev().find(is_boundary).unwrap_or(0);
    let end = (text.len() - SHOWN..text.len()).find(is_boundary).unwrap_or(text.len());
    format!("{}...{}", &text[..start], &text[end..])
}

/// The most bytes that are shown of a long text at each end.
const SHOWN: usize = 100;
