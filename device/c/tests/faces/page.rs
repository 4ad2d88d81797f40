//! The code of a page of the docs.

use std::fs;

/// The blocks of one language, in their order.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).expect(&path);
    let mut found = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("\n```") {
        let (block, after) = after.split_once("\n```\n").expect("a block has an end");
        let (name, code) = block.split_once('\n').unwrap();
        if name == language {
            found.push(format!("{code}\n"));
        }
        rest = after;
    }
    found
}

/// The only block of one language that holds these words.
#[track_caller]
pub fn block(page: &str, language: &str, words: &str) -> String {
    let mut fitting: Vec<String> = blocks(page, language);
    fitting.retain(|block| block.contains(words));
    assert_eq!(fitting.len(), 1, "blocks in {language} of {page} with {words:?}");
    fitting.remove(0)
}
