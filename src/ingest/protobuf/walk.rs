//! Walks families a field at a time, so that no family is ever held whole.
//!
//! ```text,memory
//! body   (varint(len) family)*            family  field*
//! field  varint(number << 3 | kind) value
//! ```
//!
//! A piece is the length before a family, or one of its fields with its key.

use prost::encoding::decode_varint;

/// The longest varint.
const VARINT: usize = 10;

/// What comes next in a body.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'b> {
    /// A family of so many bytes begins.
    Family(usize),
    /// A string or message of it.
    Bytes(u32, &'b [u8]),
    /// A number of it.
    Number(u32, u64),
    /// Something of it that means nothing here.
    Other,
}

/// Why there is no next piece.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    /// It may go on.
    Unfinished,
    /// These bytes are no families.
    Malformed(&'static str),
}

/// A place in a body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walk {
    /// Bytes that are left of the family; 0 between families.
    left: usize,
}

impl Walk {
    /// Whether a family is begun and not complete.
    pub(super) fn is_inside(self) -> bool {
        self.left > 0
    }

    /// Takes the next piece from the beginning of `text`.
    pub(super) fn next<'b>(&mut self, text: &mut &'b [u8]) -> Result<Piece<'b>, Stop> {
        if self.left == 0 {
            let len = varint(text)?;
            self.left = usize::try_from(len).map_err(|_| Stop::Malformed("a family has an impossible length"))?;
            return Ok(Piece::Family(self.left));
        }
        let (before, mut rest) = (text.len(), *text);
        let key = varint(&mut rest)?;
        let number = u32::try_from(key >> 3).map_err(|_| Stop::Malformed("a field's number is out of range"))?;
        let piece = match key & 7 {
            0 => Piece::Number(number, varint(&mut rest)?),
            1 => skip(&mut rest, 8)?,
            2 => {
                let len = varint(&mut rest)?;
                // Said before all of it is here: a length that lies would be waited for.
                if len > self.left as u64 {
                    return Err(Stop::Malformed("a field runs past the end of its family"));
                }
                let (bytes, behind) = rest.split_at_checked(len as usize).ok_or(Stop::Unfinished)?;
                rest = behind;
                Piece::Bytes(number, bytes)
            }
            5 => skip(&mut rest, 4)?,
            _ => return Err(Stop::Malformed("a field is a group or of an unknown kind")),
        };
        self.left = self
            .left
            .checked_sub(before - rest.len())
            .ok_or(Stop::Malformed("a field runs past the end of its family"))?;
        *text = rest;
        Ok(piece)
    }
}

/// Takes a number from the beginning of `text`.
fn varint(text: &mut &[u8]) -> Result<u64, Stop> {
    let end = text.iter().take(VARINT).position(|byte| *byte < 0x80);
    if end.is_none() && text.len() < VARINT {
        return Err(Stop::Unfinished);
    }
    let mut rest = *text;
    let value = decode_varint(&mut rest).map_err(|_| Stop::Malformed("a number has more than 64 bits"))?;
    *text = rest;
    Ok(value)
}

fn skip<'b>(text: &mut &'b [u8], bytes: usize) -> Result<Piece<'b>, Stop> {
    *text = text.get(bytes..).ok_or(Stop::Unfinished)?;
    Ok(Piece::Other)
}
