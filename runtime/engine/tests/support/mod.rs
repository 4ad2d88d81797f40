//! Models and pictures that the tests share.
#![allow(dead_code)] // Each test file uses a part.

pub mod onnx;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use engine::Model;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/person-detect");

pub fn person_path() -> PathBuf {
    Path::new(EXAMPLE).join("model/blazeface-person.onnx")
}

pub fn person() -> Model {
    Model::load(person_path()).unwrap()
}

pub fn frame(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(EXAMPLE).join("frames").join(name)).unwrap()
}

/// A file that goes when the test ends.
pub struct TempFile(pub PathBuf);

impl TempFile {
    pub fn new(bytes: &[u8]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}.onnx", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// A model of one node, loaded.
pub fn one_node(operator: &str, inputs: &[onnx::Value<'_>], outputs: &[onnx::Value<'_>]) -> Model {
    Model::load(&TempFile::new(&onnx::one_node(operator, inputs, outputs)).0).unwrap()
}
