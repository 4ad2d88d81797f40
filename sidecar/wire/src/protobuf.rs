//! Protocol Buffers, as far as this project writes and reads them: no more than varints, doubles and byte strings.

/// Field number and wire type of what follows.
const DOUBLE: u8 = 1;
const BYTES: u8 = 2;

/// Appends a field of text, bytes or a message. Fields here have numbers below 16.
pub fn bytes(to: &mut Vec<u8>, field: u8, value: &[u8]) {
    bytes_head(to, field, value.len() as u64);
    to.extend(value);
}

/// Appends the beginning of such a field, of which so many bytes follow.
pub fn bytes_head(to: &mut Vec<u8>, field: u8, length: u64) {
    to.push(field << 3 | BYTES);
    varint(to, length);
}

/// Appends a field of a whole number.
pub fn number(to: &mut Vec<u8>, field: u8, value: u64) {
    to.push(field << 3);
    varint(to, value);
}

/// Appends a field of a double.
pub fn double(to: &mut Vec<u8>, field: u8, value: f64) {
    to.push(field << 3 | DOUBLE);
    to.extend(value.to_le_bytes());
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

/// A message whose first field is this text.
#[must_use]
pub fn text(value: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(value.len() + 2);
    bytes(&mut message, 1, value.as_bytes());
    message
}

/// Numbers, one behind the other, as a packed field holds them.
#[must_use]
pub fn packed(numbers: &[u64]) -> Vec<u8> {
    let mut field = Vec::new();
    numbers.iter().for_each(|number| varint(&mut field, *number));
    field
}

/// The numbers of a packed field, as far as it can be read.
#[must_use]
pub fn unpacked(mut field: &[u8]) -> Vec<u64> {
    std::iter::from_fn(|| take_varint(&mut field)).collect()
}

/// The byte strings among the fields of a message, with their numbers, as far as the message can be read.
pub fn byte_fields(message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    fields(message).filter_map(
        |(field, value)| if let Value::Bytes(bytes) = value { Some((field, bytes)) } else { None },
    )
}

/// The whole numbers among them.
pub fn number_fields(message: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    fields(message).filter_map(
        |(field, value)| if let Value::Number(number) = value { Some((field, number)) } else { None },
    )
}

/// The doubles among them.
pub fn double_fields(message: &[u8]) -> impl Iterator<Item = (u64, f64)> {
    fields(message).filter_map(
        |(field, value)| if let Value::Double(double) = value { Some((field, double)) } else { None },
    )
}

enum Value<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
    /// Of another fixed length.
    Other,
}

fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || take_field(&mut message))
}

fn take_field<'a>(from: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = take_varint(from)?;
    let value = match key & 7 {
        0 => Value::Number(take_varint(from)?),
        1 => Value::Double(f64::from_le_bytes(take(from, 8)?.try_into().ok()?)),
        2 => {
            let length = take_varint(from)?;
            Value::Bytes(take(from, length)?)
        }
        5 => take(from, 4).map(|_| Value::Other)?,
        _ => return None,
    };
    Some((key >> 3, value))
}

fn take<'a>(from: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(taken)
}

fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
