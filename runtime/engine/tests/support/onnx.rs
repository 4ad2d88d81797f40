//! Writes ONNX files of one node, so that tests can hold any datatype, shape or operator without binary fixtures.

/// ONNX element types.
pub const FLOAT: u64 = 1;
pub const UINT8: u64 = 2;
pub const INT64: u64 = 7;
pub const STRING: u64 = 8;
pub const BOOL: u64 = 9;
pub const FLOAT16: u64 = 10;

/// A value of the graph: name, element type, extents; a negative extent is a free one.
pub type Value<'a> = (&'a str, u64, &'a [i64]);

/// A model that applies one operator to its inputs.
pub fn one_node(operator: &str, inputs: &[Value<'_>], outputs: &[Value<'_>]) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|value| field(&mut node, 1, value.0.as_bytes()));
    outputs.iter().for_each(|value| field(&mut node, 2, value.0.as_bytes()));
    field(&mut node, 3, b"the-node");
    field(&mut node, 4, operator.as_bytes());

    let mut graph = Vec::new();
    field(&mut graph, 1, &node);
    field(&mut graph, 2, b"graph");
    inputs.iter().for_each(|value| field(&mut graph, 11, &value_info(value)));
    outputs.iter().for_each(|value| field(&mut graph, 12, &value_info(value)));

    let mut opset = Vec::new();
    number(&mut opset, 2, 13);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    field(&mut model, 7, &graph);
    field(&mut model, 8, &opset);
    model
}

fn value_info((name, element, extents): &Value<'_>) -> Vec<u8> {
    let mut shape = Vec::new();
    for extent in *extents {
        let mut dimension = Vec::new();
        match u64::try_from(*extent) {
            Ok(extent) => number(&mut dimension, 1, extent),
            Err(_) => field(&mut dimension, 2, b"n"),
        }
        field(&mut shape, 1, &dimension);
    }
    let mut tensor = Vec::new();
    number(&mut tensor, 1, *element);
    field(&mut tensor, 2, &shape);
    let mut kind = Vec::new();
    field(&mut kind, 1, &tensor);
    let mut value = Vec::new();
    field(&mut value, 1, name.as_bytes());
    field(&mut value, 2, &kind);
    value
}

fn field(message: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    varint(message, tag << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn number(message: &mut Vec<u8>, tag: u64, value: u64) {
    varint(message, tag << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
