//! The datatypes a tensor can have here, under the names of the Open Inference Protocol.

use std::fmt;
use std::str::FromStr;

use tract_onnx::prelude::DatumType;

/// Element type of a tensor. `BYTES` (text) is left out: no such model runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datatype {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 1 byte.
    Uint8,
    /// Unsigned, 2 bytes.
    Uint16,
    /// Unsigned, 4 bytes.
    Uint32,
    /// Unsigned, 8 bytes.
    Uint64,
    /// Signed, 1 byte.
    Int8,
    /// Signed, 2 bytes.
    Int16,
    /// Signed, 4 bytes.
    Int32,
    /// Signed, 8 bytes.
    Int64,
    /// IEEE 754, 2 bytes.
    Fp16,
    /// IEEE 754, 4 bytes.
    Fp32,
    /// IEEE 754, 8 bytes.
    Fp64,
}

/// Protocol name, size in bytes, and the engine's own type.
const TABLE: [(Datatype, &str, usize, DatumType); 12] = [
    (Datatype::Bool, "BOOL", 1, DatumType::Bool),
    (Datatype::Uint8, "UINT8", 1, DatumType::U8),
    (Datatype::Uint16, "UINT16", 2, DatumType::U16),
    (Datatype::Uint32, "UINT32", 4, DatumType::U32),
    (Datatype::Uint64, "UINT64", 8, DatumType::U64),
    (Datatype::Int8, "INT8", 1, DatumType::I8),
    (Datatype::Int16, "INT16", 2, DatumType::I16),
    (Datatype::Int32, "INT32", 4, DatumType::I32),
    (Datatype::Int64, "INT64", 8, DatumType::I64),
    (Datatype::Fp16, "FP16", 2, DatumType::F16),
    (Datatype::Fp32, "FP32", 4, DatumType::F32),
    (Datatype::Fp64, "FP64", 8, DatumType::F64),
];

impl Datatype {
    fn row(self) -> &'static (Datatype, &'static str, usize, DatumType) {
        TABLE.iter().find(|row| row.0 == self).expect("the table has a row for every datatype")
    }

    /// The protocol's name: `FP32`, `UINT8`, ...
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.row().2
    }

    pub(crate) fn datum(self) -> DatumType {
        self.row().3
    }

    pub(crate) fn from_datum(datum: DatumType) -> Option<Self> {
        // Shapes that a model computes are symbolic integers inside the engine and INT64 outside.
        let datum = if datum == DatumType::TDim { DatumType::I64 } else { datum };
        TABLE.iter().find(|row| row.3 == datum).map(|row| row.0)
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text is no datatype that runs here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("datatype {0:?} is not supported: use BOOL, UINT8..64, INT8..64, FP16, FP32 or FP64")]
pub struct UnknownDatatype(
    /// The text that was given.
    pub String,
);

impl FromStr for Datatype {
    type Err = UnknownDatatype;

    fn from_str(text: &str) -> Result<Self, UnknownDatatype> {
        let row = TABLE.iter().find(|row| row.1 == text);
        row.map(|row| row.0).ok_or_else(|| UnknownDatatype(text.to_owned()))
    }
}
