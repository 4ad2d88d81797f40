//! Asks the linker for a smaller executable: one copy of functions with equal code (a megabyte), and addresses that are
//! put right at the start as a map of bits (one and a half).

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // lld can, and is Rust's default linker on this target only.
    if std::env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
        if c_library_reads_bitmaps() {
            println!("cargo:rustc-link-arg-bins=-Wl,--pack-dyn-relocs=relr");
        }
    }
}

/// The C library is this machine's and goes into the executable; glibc reads such maps since 2.36.
fn c_library_reads_bitmaps() -> bool {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut parts = said.trim().strip_prefix("glibc ").unwrap_or_default().split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (2, 36))
}
