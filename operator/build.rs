//! Asks the linker to keep one copy of functions with equal code: the executable is half a megabyte smaller.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // lld can, and is Rust's default linker on this target only.
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
