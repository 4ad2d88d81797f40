//! The elements of a tensor in JSON: flat or nested lists of numbers and booleans, to and from little-endian bytes.

use std::fmt;

use engine::{Datatype, Tensor};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

/// One number or boolean as JSON has it.
#[derive(Clone, Copy)]
enum Element {
    Bool(bool),
    Negative(i64),
    Positive(u64),
    Float(f64),
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(formatter),
            Self::Negative(value) => value.fmt(formatter),
            Self::Positive(value) => value.fmt(formatter),
            // The short form: 1e39, not forty digits.
            Self::Float(value) => write!(formatter, "{value:?}"),
        }
    }
}

/// `data` of a request's tensor, flattened in row-major order.
pub struct Elements(Vec<Element>);

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Little-endian bytes, or a clause that says which element does not fit the datatype.
    pub fn to_bytes(&self, datatype: Datatype) -> Result<Vec<u8>, String> {
        let elements = &self.0;
        let bytes = match datatype {
            Datatype::Bool => fill(elements, |element| boolean(element).map(|value| [u8::from(value)])),
            Datatype::Uint8 => fill(elements, |element| integer(element).map(u8::to_le_bytes)),
            Datatype::Uint16 => fill(elements, |element| integer(element).map(u16::to_le_bytes)),
            Datatype::Uint32 => fill(elements, |element| integer(element).map(u32::to_le_bytes)),
            Datatype::Uint64 => fill(elements, |element| integer(element).map(u64::to_le_bytes)),
            Datatype::Int8 => fill(elements, |element| integer(element).map(i8::to_le_bytes)),
            Datatype::Int16 => fill(elements, |element| integer(element).map(i16::to_le_bytes)),
            Datatype::Int32 => fill(elements, |element| integer(element).map(i32::to_le_bytes)),
            Datatype::Int64 => fill(elements, |element| integer(element).map(i64::to_le_bytes)),
            Datatype::Fp16 => {
                return Err("has no JSON form for FP16: send it with binary_data_size".to_owned());
            }
            Datatype::Fp32 => fill(elements, |element| {
                float(element)
                    .map(|value| value as f32)
                    .filter(|value| value.is_finite())
                    .map(f32::to_le_bytes)
            }),
            Datatype::Fp64 => fill(elements, |element| float(element).map(f64::to_le_bytes)),
        };
        bytes.map_err(|at| format!("has element {at} = {}: no {datatype}", elements[at]))
    }
}

/// The bytes, or the position of the first element that does not convert.
fn fill<const N: usize>(
    elements: &[Element],
    convert: impl Fn(Element) -> Option<[u8; N]>,
) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(elements.len() * N);
    for (at, element) in elements.iter().enumerate() {
        bytes.extend_from_slice(&convert(*element).ok_or(at)?);
    }
    Ok(bytes)
}

fn boolean(element: Element) -> Option<bool> {
    match element {
        Element::Bool(value) => Some(value),
        Element::Positive(0) => Some(false),
        Element::Positive(1) => Some(true),
        _ => None,
    }
}

fn integer<T: TryFrom<i128>>(element: Element) -> Option<T> {
    let value = match element {
        Element::Negative(value) => value.into(),
        Element::Positive(value) => value.into(),
        // Languages with one kind of number write 3 as 3.0.
        Element::Float(value) if value.fract() == 0.0 => value as i128,
        _ => return None,
    };
    T::try_from(value).ok()
}

fn float(element: Element) -> Option<f64> {
    match element {
        Element::Bool(_) => None,
        Element::Negative(value) => Some(value as f64),
        Element::Positive(value) => Some(value as f64),
        Element::Float(value) => Some(value),
    }
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut elements = Vec::new();
        Flatten(&mut elements).deserialize(deserializer)?;
        Ok(Self(elements))
    }
}

/// Appends what it meets; the parser bounds the depth.
struct Flatten<'a>(&'a mut Vec<Element>);

impl<'de> DeserializeSeed<'de> for Flatten<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flatten<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, a boolean, or a list of them")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push(Element::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(Element::Negative(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(Element::Positive(value));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push(Element::Float(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Flatten(self.0))?.is_some() {}
        Ok(())
    }
}

/// A tensor's elements as a flat JSON list: the fewest digits that read back the same; infinities and NaN are null.
pub struct Numbers<'a>(pub &'a Tensor);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data = &self.0.data;
        match self.0.datatype {
            Datatype::Bool => serializer.collect_seq(data.iter().map(|byte| *byte != 0)),
            Datatype::Uint8 => serializer.collect_seq(data.iter()),
            Datatype::Uint16 => serializer.collect_seq(values(data, u16::from_le_bytes)),
            Datatype::Uint32 => serializer.collect_seq(values(data, u32::from_le_bytes)),
            Datatype::Uint64 => serializer.collect_seq(values(data, u64::from_le_bytes)),
            Datatype::Int8 => serializer.collect_seq(values(data, i8::from_le_bytes)),
            Datatype::Int16 => serializer.collect_seq(values(data, i16::from_le_bytes)),
            Datatype::Int32 => serializer.collect_seq(values(data, i32::from_le_bytes)),
            Datatype::Int64 => serializer.collect_seq(values(data, i64::from_le_bytes)),
            Datatype::Fp16 => Err(S::Error::custom("FP16 has no JSON form: ask for it with binary_data")),
            Datatype::Fp32 => serializer.collect_seq(values(data, f32::from_le_bytes)),
            Datatype::Fp64 => serializer.collect_seq(values(data, f64::from_le_bytes)),
        }
    }
}

fn values<const N: usize, T>(data: &[u8], read: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    data.as_chunks().0.iter().map(move |bytes| read(*bytes))
}
