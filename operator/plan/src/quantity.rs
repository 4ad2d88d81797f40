//! Kubernetes quantities: text in, an exact number out. `0.5` and `500m` are one value; nothing is rounded.

/// Parts of one in the exact number: the smallest suffix is nano.
const PARTS: i128 = 1_000_000_000;

/// Suffixes and what they multiply by, in parts of [`PARTS`].
const SUFFIXES: &[(&str, i128)] = &[
    ("Ki", PARTS << 10),
    ("Mi", PARTS << 20),
    ("Gi", PARTS << 30),
    ("Ti", PARTS << 40),
    ("Pi", PARTS << 50),
    ("Ei", PARTS << 60),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", PARTS * 1_000),
    ("M", PARTS * 1_000_000),
    ("G", PARTS * 1_000_000_000),
    ("T", PARTS * 1_000_000_000_000),
    ("P", PARTS * 1_000_000_000_000_000),
    ("E", PARTS * 1_000_000_000_000_000_000),
];

/// The value in billionths; none when the text is not a quantity or not a whole number of billionths.
#[must_use]
pub fn billionths(text: &str) -> Option<i128> {
    let unit = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    match (unit, exponent(text)) {
        (_, Some((number, power))) => scaled(number, PARTS, power),
        (Some((suffix, factor)), None) => scaled(&text[..text.len() - suffix.len()], *factor, 0),
        (None, None) => scaled(text, PARTS, 0),
    }
}

/// The value as a whole number of bytes; none when it is negative or a fraction.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let exact = billionths(text)?;
    if exact % PARTS == 0 { u64::try_from(exact / PARTS).ok() } else { None }
}

/// `12e3` as `12` and 3. `12E` is a suffix, not an exponent: nothing follows it.
fn exponent(text: &str) -> Option<(&str, i32)> {
    let (number, power) = text.split_once(['e', 'E'])?;
    Some((number, power.parse().ok()?))
}

fn scaled(number: &str, factor: i128, power: i32) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let mantissa = all.parse::<i128>().ok()?.checked_mul(factor)?;
    let power = power.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let ten = 10_i128.checked_pow(power.unsigned_abs())?;
    let value = if power >= 0 {
        mantissa.checked_mul(ten)?
    } else if mantissa % ten == 0 {
        mantissa / ten
    } else {
        return None;
    };
    Some(sign * value)
}
