//! Model files that cannot be served: each says which file and why.
#![allow(clippy::unwrap_used)] // In helpers too: a test that fails shows where.

mod support;

use engine::{LoadError, Model};
use support::onnx::{self, FLOAT, STRING};
use support::{TempFile, person_path};

fn load(bytes: &[u8]) -> (LoadError, String) {
    let file = TempFile::new(bytes);
    let error = Model::load(&file.0).err().expect("the file must not load");
    let text = error.to_string();
    assert!(text.contains(file.0.to_str().unwrap()), "{text}");
    (error, text)
}

#[test]
fn a_missing_file_is_named() {
    let error = Model::load("/no/such/model.onnx").err().unwrap();
    assert!(matches!(error, LoadError::Missing { .. }));
    assert_eq!(error.to_string(), "model file /no/such/model.onnx does not exist");
}

#[test]
fn what_is_no_onnx_is_corrupt() {
    for bytes in [b"".as_slice(), b"<html>404 not found</html>", &[0; 4096], &[0xff; 64]] {
        let (error, text) = load(bytes);
        assert!(matches!(error, LoadError::Corrupt { .. }), "{text}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_corrupt() {
    let whole = std::fs::read(person_path()).unwrap();
    for part in [0.1, 0.5, 0.9, 0.999] {
        let length = (whole.len() as f64 * part) as usize;
        let (error, text) = load(&whole[..length]);
        assert!(matches!(error, LoadError::Corrupt { .. }), "{part}: {text}");
    }
}

#[test]
fn an_unknown_operator_is_named() {
    let (error, text) =
        load(&onnx::one_node("Frobnicate", &[("x", FLOAT, &[1, 2])], &[("y", FLOAT, &[1, 2])]));
    assert!(matches!(error, LoadError::Unsupported { .. }));
    assert!(text.ends_with("operator \"Frobnicate\" (node \"the-node\") is not implemented"), "{text}");
}

#[test]
fn a_tensor_of_text_is_named() {
    let (error, text) = load(&onnx::one_node("Identity", &[("words", STRING, &[1])], &[("y", STRING, &[1])]));
    assert!(matches!(error, LoadError::Unsupported { .. }), "{text}");
    assert!(text.contains("tensor \"words\" has datatype"), "{text}");
}

#[test]
fn a_value_that_nothing_makes_is_named() {
    // The second output is declared by the graph and made by no node.
    let mut bytes = onnx::one_node("Identity", &[("x", FLOAT, &[1])], &[("yyyy", FLOAT, &[1])]);
    let last = bytes.windows(4).rposition(|window| window == b"yyyy").unwrap();
    bytes[last..last + 4].copy_from_slice(b"zzzz");
    let (error, text) = load(&bytes);
    assert!(matches!(error, LoadError::Corrupt { .. }), "{text}");
    assert!(text.contains("no node makes the value \"zzzz\""), "{text}");
}
