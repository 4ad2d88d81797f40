//! The header is made from the source, committed and compared.

use std::env;
use std::fs;
use std::path::Path;

#[test]
fn committed_header_is_current() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut fresh = Vec::new();
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml")).unwrap();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(package.join("src/lib.rs"))
        .generate()
        .unwrap()
        .write(&mut fresh);
    let path = package.join("include/longshore.h");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    assert!(fs::read(&path).unwrap() == fresh, "run `make generate` and commit {}", path.display());
}
