//! What the services here look like: pure. In: the name of a file or of something in one. Out: that file and those that it
//! needs, each a `google.protobuf.FileDescriptorProto`.

use wire::protobuf;

/// A `google.protobuf.FileDescriptorSet` of the files in `proto/`; a test makes it and compares it.
const FILES: &[u8] = include_bytes!("../../proto/descriptors.bin");

const NAME: u64 = 1;
const PACKAGE: u64 = 2;
const DEPENDENCY: u64 = 3;

/// The file of a name, before those that it imports.
pub fn named(name: &[u8]) -> Option<Vec<&'static [u8]>> {
    let mut found = vec![file(name)?];
    let mut next = 0;
    while let Some(of) = found.get(next) {
        let imports: Vec<_> = all(of, DEPENDENCY).filter_map(file).collect();
        for import in imports {
            if !found.contains(&import) {
                found.push(import);
            }
        }
        next += 1;
    }
    Some(found)
}

/// The file that holds a service, method, message, field or enumeration, before those that it imports.
pub fn holding(symbol: &[u8]) -> Option<Vec<&'static [u8]>> {
    let symbol = std::str::from_utf8(symbol).ok()?;
    named(text(files().find(|file| holds(file, symbol))?, NAME))
}

fn file(name: &[u8]) -> Option<&'static [u8]> {
    files().find(|file| text(file, NAME) == name)
}

fn files() -> impl Iterator<Item = &'static [u8]> {
    const FILE: u64 = 1;
    all(FILES, FILE)
}

fn holds(file: &[u8], symbol: &str) -> bool {
    let package = String::from_utf8_lossy(text(file, PACKAGE));
    let Some(path) = symbol.strip_prefix(&*package).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    // Messages, enumerations and services of a file; what these have inside stands in the same fields of all of them.
    let (mut outer, mut kinds) = (file, 4..=6);
    for name in path.split('.') {
        let inner = protobuf::byte_fields(outer)
            .find(|(kind, inner)| kinds.contains(kind) && text(inner, NAME) == name.as_bytes());
        let Some((_, inner)) = inner else { return false };
        (outer, kinds) = (inner, 2..=4);
    }
    true
}

fn text(message: &[u8], field: u64) -> &[u8] {
    all(message, field).next().unwrap_or_default()
}

fn all(message: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    protobuf::byte_fields(message).filter(move |(other, _)| *other == field).map(|(_, value)| value)
}
