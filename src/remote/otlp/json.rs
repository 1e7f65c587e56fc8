//! OTLP/JSON, as the protobuf that it stands for.
//!
//! The mapping is proto3's, but for three things: names are in lowerCamelCase only, `traceId` and `spanId` are in hexadecimal digits,
//! and enums are numbers (their names are taken too). Integers of 64 bits may be texts or numbers, floats too; null is absent, and
//! unknown fields are passed over. A body becomes protobuf as it is read, by a table of the messages, so that both encodings are
//! taken in by the same code.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::encoding::encode_varint;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A byte of JSON becomes so many of protobuf at most: an element of a list is a digit and a comma here, and a key and eight bytes
/// there.
pub const GROWTH: usize = 5;

/// A message: its fields' names, numbers and kinds.
struct Message(&'static [(&'static str, u32, Kind)]);

/// What a field is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Base64,
    Hex,
    Bool,
    Varint,
    Zigzag,
    Fixed,
    SignedFixed,
    Double,
    Temporality,
    Message(&'static Message),
    /// Any number of these.
    Many(&'static Kind),
}

static REQUEST: Message = Message(&[("resourceMetrics", 1, Kind::Many(&Kind::Message(&RESOURCE_METRICS)))]);
static RESOURCE_METRICS: Message = Message(&[
    ("resource", 1, Kind::Message(&RESOURCE)),
    ("scopeMetrics", 2, Kind::Many(&Kind::Message(&SCOPE_METRICS))),
    ("schemaUrl", 3, Kind::Text),
]);
static RESOURCE: Message = Message(&[("attributes", 1, Kind::Many(&ATTRIBUTE))]);
static SCOPE_METRICS: Message = Message(&[
    ("scope", 1, Kind::Message(&SCOPE)),
    ("metrics", 2, Kind::Many(&Kind::Message(&METRIC))),
    ("schemaUrl", 3, Kind::Text),
]);
static SCOPE: Message =
    Message(&[("name", 1, Kind::Text), ("version", 2, Kind::Text), ("attributes", 3, Kind::Many(&ATTRIBUTE))]);
static METRIC: Message = Message(&[
    ("name", 1, Kind::Text),
    ("description", 2, Kind::Text),
    ("unit", 3, Kind::Text),
    ("gauge", 5, Kind::Message(&NUMBERS)),
    ("sum", 7, Kind::Message(&NUMBERS)),
    ("histogram", 9, Kind::Message(&HISTOGRAMS)),
    ("exponentialHistogram", 10, Kind::Message(&EXPONENTIALS)),
    ("summary", 11, Kind::Message(&SUMMARIES)),
]);
static NUMBERS: Message = Message(&[
    ("dataPoints", 1, Kind::Many(&Kind::Message(&NUMBER_POINT))),
    ("aggregationTemporality", 2, Kind::Temporality),
    ("isMonotonic", 3, Kind::Bool),
]);
static HISTOGRAMS: Message = Message(&[
    ("dataPoints", 1, Kind::Many(&Kind::Message(&HISTOGRAM_POINT))),
    ("aggregationTemporality", 2, Kind::Temporality),
]);
static EXPONENTIALS: Message = Message(&[
    ("dataPoints", 1, Kind::Many(&Kind::Message(&EXPONENTIAL_POINT))),
    ("aggregationTemporality", 2, Kind::Temporality),
]);
static SUMMARIES: Message = Message(&[("dataPoints", 1, Kind::Many(&Kind::Message(&SUMMARY_POINT)))]);
static NUMBER_POINT: Message = Message(&[
    ("startTimeUnixNano", 2, Kind::Fixed),
    ("timeUnixNano", 3, Kind::Fixed),
    ("asDouble", 4, Kind::Double),
    ("asInt", 6, Kind::SignedFixed),
    ("exemplars", 5, Kind::Many(&ONE_EXEMPLAR)),
    ("attributes", 7, Kind::Many(&ATTRIBUTE)),
    ("flags", 8, Kind::Varint),
]);
static HISTOGRAM_POINT: Message = Message(&[
    ("startTimeUnixNano", 2, Kind::Fixed),
    ("timeUnixNano", 3, Kind::Fixed),
    ("count", 4, Kind::Fixed),
    ("sum", 5, Kind::Double),
    ("bucketCounts", 6, Kind::Many(&Kind::Fixed)),
    ("explicitBounds", 7, Kind::Many(&Kind::Double)),
    ("exemplars", 8, Kind::Many(&ONE_EXEMPLAR)),
    ("attributes", 9, Kind::Many(&ATTRIBUTE)),
    ("flags", 10, Kind::Varint),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    ("attributes", 1, Kind::Many(&ATTRIBUTE)),
    ("startTimeUnixNano", 2, Kind::Fixed),
    ("timeUnixNano", 3, Kind::Fixed),
    ("count", 4, Kind::Fixed),
    ("sum", 5, Kind::Double),
    ("scale", 6, Kind::Zigzag),
    ("zeroCount", 7, Kind::Fixed),
    ("positive", 8, Kind::Message(&BUCKETS)),
    ("negative", 9, Kind::Message(&BUCKETS)),
    ("flags", 10, Kind::Varint),
    ("exemplars", 11, Kind::Many(&ONE_EXEMPLAR)),
]);
static BUCKETS: Message = Message(&[("offset", 1, Kind::Zigzag), ("bucketCounts", 2, Kind::Many(&Kind::Varint))]);
static SUMMARY_POINT: Message = Message(&[
    ("startTimeUnixNano", 2, Kind::Fixed),
    ("timeUnixNano", 3, Kind::Fixed),
    ("count", 4, Kind::Fixed),
    ("sum", 5, Kind::Double),
    ("quantileValues", 6, Kind::Many(&Kind::Message(&QUANTILE))),
    ("attributes", 7, Kind::Many(&ATTRIBUTE)),
    ("flags", 8, Kind::Varint),
]);
static QUANTILE: Message = Message(&[("quantile", 1, Kind::Double), ("value", 2, Kind::Double)]);
static EXEMPLAR: Message = Message(&[
    ("timeUnixNano", 2, Kind::Fixed),
    ("asDouble", 3, Kind::Double),
    ("asInt", 6, Kind::SignedFixed),
    ("spanId", 4, Kind::Hex),
    ("traceId", 5, Kind::Hex),
    ("filteredAttributes", 7, Kind::Many(&ATTRIBUTE)),
]);
static KEY_VALUE: Message = Message(&[("key", 1, Kind::Text), ("value", 2, Kind::Message(&ANY_VALUE))]);
static ANY_VALUE: Message = Message(&[
    ("stringValue", 1, Kind::Text),
    ("boolValue", 2, Kind::Bool),
    ("intValue", 3, Kind::Varint),
    ("doubleValue", 4, Kind::Double),
    ("arrayValue", 5, Kind::Message(&ARRAY)),
    ("kvlistValue", 6, Kind::Message(&KEY_VALUES)),
    ("bytesValue", 7, Kind::Base64),
]);
static ARRAY: Message = Message(&[("values", 1, Kind::Many(&Kind::Message(&ANY_VALUE)))]);
static KEY_VALUES: Message = Message(&[("values", 1, Kind::Many(&ATTRIBUTE))]);
static ATTRIBUTE: Kind = Kind::Message(&KEY_VALUE);
static ONE_EXEMPLAR: Kind = Kind::Message(&EXEMPLAR);

/// The request that `body` is, as protobuf.
///
/// # Errors
/// When it is none: what, at which line and column.
pub fn to_protobuf(body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(body);
    MessageSeed { message: &REQUEST, out: &mut out }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(out)
}

/// Reads an object as the fields of a message.
struct MessageSeed<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.message.0.iter().find(|(own, ..)| *own == name) {
                Some((name, number, kind)) => {
                    map.next_value_seed(FieldSeed { name, number: *number, kind: *kind, out: self.out })?;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Reads the value of a field.
struct FieldSeed<'o> {
    name: &'static str,
    number: u32,
    kind: Kind,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl FieldSeed<'_> {
    fn key(&mut self, wire_type: u32) {
        encode_varint(u64::from(self.number << 3 | wire_type), self.out);
    }

    fn varint(&mut self, value: u64) {
        self.key(0);
        encode_varint(value, self.out);
    }

    fn fixed(&mut self, bits: u64) {
        self.key(1);
        self.out.extend(bits.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.key(2);
        encode_varint(bytes.len() as u64, self.out);
        self.out.extend(bytes);
    }

    fn wrong<E: serde::de::Error>(&self, found: &str) -> E {
        E::custom(format!("{found} is no value of {:?}, which is {}", self.name, self.kind.expected()))
    }

    /// Writes a whole number, if the field takes it.
    fn integer<E: serde::de::Error>(mut self, number: i128) -> Result<(), E> {
        let wrong = self.wrong(&number.to_string());
        match self.kind {
            Kind::Double => self.fixed((number as f64).to_bits()),
            // Integers and counts of 64 bits share the kind; each keeps its bits.
            Kind::Varint => match i64::try_from(number).map(i64::cast_unsigned).or_else(|_| u64::try_from(number)) {
                Ok(number) => self.varint(number),
                Err(_) => return Err(wrong),
            },
            Kind::Temporality if (0..=i128::from(i32::MAX)).contains(&number) => self.varint(number as u64),
            Kind::Zigzag => match i32::try_from(number) {
                Ok(number) => self.varint(u64::from(((number << 1) ^ (number >> 31)).cast_unsigned())),
                Err(_) => return Err(wrong),
            },
            Kind::Fixed => self.fixed(u64::try_from(number).map_err(|_| wrong)?),
            Kind::SignedFixed => self.fixed(i64::try_from(number).map_err(|_| wrong)?.cast_unsigned()),
            _ => return Err(wrong),
        }
        Ok(())
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Base64 => "a text in base64",
            Self::Hex => "a text of hexadecimal digits",
            Self::Bool => "true or false",
            Self::Varint | Self::SignedFixed => "an integer of 64 bits, as a number or a text",
            Self::Zigzag => "an integer of 32 bits, as a number or a text",
            Self::Fixed => "a whole number from 0, of 64 bits, as a number or a text",
            Self::Double => "a number, as such or as a text",
            Self::Temporality => "0, 1 for deltas or 2 for totals",
            Self::Message(_) => "an object",
            Self::Many(_) => "a list",
        }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.kind.expected(), self.name)
    }

    /// Null is absent.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(mut self, yes: bool) -> Result<(), E> {
        if !matches!(self.kind, Kind::Bool) {
            return Err(self.wrong(if yes { "true" } else { "false" }));
        }
        self.varint(u64::from(yes));
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.integer(i128::from(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.integer(i128::from(number))
    }

    fn visit_f64<E: serde::de::Error>(mut self, number: f64) -> Result<(), E> {
        if !matches!(self.kind, Kind::Double) {
            return Err(self.wrong(&number.to_string()));
        }
        self.fixed(number.to_bits());
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<(), E> {
        let shown = || format!("{:?}", text.chars().take(100).collect::<String>());
        match self.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::Base64 => match STANDARD.decode(text) {
                Ok(bytes) => self.bytes(&bytes),
                Err(_) => return Err(self.wrong(&shown())),
            },
            Kind::Hex => match crate::model::hex::decode(text) {
                Some(bytes) => self.bytes(&bytes),
                None => return Err(self.wrong(&shown())),
            },
            Kind::Double => {
                let number = match text {
                    "NaN" => f64::NAN,
                    "Infinity" => f64::INFINITY,
                    "-Infinity" => f64::NEG_INFINITY,
                    // Rust reads "inf" and the like besides, which are none of JSON's.
                    _ if text.ends_with(|c: char| c.is_ascii_digit() || c == '.') => {
                        text.parse().map_err(|_| self.wrong(&shown()))?
                    }
                    _ => return Err(self.wrong(&shown())),
                };
                self.fixed(number.to_bits());
            }
            Kind::Temporality => match text {
                "AGGREGATION_TEMPORALITY_UNSPECIFIED" => self.varint(0),
                "AGGREGATION_TEMPORALITY_DELTA" => self.varint(1),
                "AGGREGATION_TEMPORALITY_CUMULATIVE" => self.varint(2),
                _ => return Err(self.wrong(&shown())),
            },
            Kind::Varint | Kind::Zigzag | Kind::Fixed | Kind::SignedFixed => {
                let number = text.parse().map_err(|_| self.wrong(&shown()))?;
                self.integer(number)?;
            }
            Kind::Bool | Kind::Message(_) | Kind::Many(_) => return Err(self.wrong(&shown())),
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.kind else { return Err(self.wrong("an object")) };
        self.key(2);
        let begin = self.out.len();
        MessageSeed { message, out: self.out }.visit_map(map)?;
        // Its length stands before it, and is known only now.
        let mut length = Vec::with_capacity(10);
        encode_varint((self.out.len() - begin) as u64, &mut length);
        self.out.splice(begin..begin, length);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { name, number, kind: Kind::Many(kind), out } = self else {
            return Err(A::Error::custom(format!(
                "a list is no value of {:?}, which is {}",
                self.name,
                self.kind.expected()
            )));
        };
        while list.next_element_seed(FieldSeed { name, number, kind: *kind, out: &mut *out })?.is_some() {}
        Ok(())
    }
}
