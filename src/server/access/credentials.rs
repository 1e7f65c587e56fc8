//! The `Authorization` header.

use base64::{
    Engine as _,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};
use hyper::{HeaderMap, header::AUTHORIZATION};

/// What bytes stand for, however the sender fills up the last ones.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Who a request says it is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credentials {
    /// It says nothing.
    None,
    /// It has a header that can't be read, or several.
    Malformed,
    /// Name and password.
    Basic {
        /// The name.
        name: String,
        /// The password.
        password: Vec<u8>,
    },
    /// A token: `Bearer`, or `Token` as clients of InfluxDB 2 send it.
    Token(Vec<u8>),
}

impl Credentials {
    /// Those of a request with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => Self::parse(value.as_bytes()).unwrap_or(Self::Malformed),
            (Some(_), Some(_)) => Self::Malformed,
        }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let space = value.iter().position(|byte| *byte == b' ')?;
        let (scheme, rest) = value.split_at_checked(space)?;
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"basic") {
            let decoded = BASE64.decode(rest).ok()?;
            let colon = decoded.iter().position(|byte| *byte == b':')?;
            let (name, password) = decoded.split_at_checked(colon)?;
            let name = String::from_utf8(name.to_vec()).ok()?;
            return Some(Self::Basic { name, password: password.get(1..)?.to_vec() });
        }
        let token = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token");
        (token && !rest.is_empty()).then(|| Self::Token(rest.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_clients_write_them() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().unwrap());
            }
            Credentials::of(&headers)
        };
        let basic = |name: &str, password: &str| Credentials::Basic { name: name.into(), password: password.into() };
        assert_eq!(of(&[]), Credentials::None);
        assert_eq!(of(&["Basic dTpw"]), basic("u", "p"));
        assert_eq!(of(&["bAsIc  dTpwOnE="]), basic("u", "p:q"));
        assert_eq!(of(&["Basic dTo"]), basic("u", ""), "not filled up");
        assert_eq!(of(&["Bearer abc"]), Credentials::Token(b"abc".to_vec()));
        assert_eq!(of(&["Token abc"]), Credentials::Token(b"abc".to_vec()));
        for wrong in ["", "Basic", "Basic !", "Basic dXA=", "Bearer ", "Digest a", "Basic \u{fc}", "Basic /zo="] {
            assert_eq!(of(&[wrong]), Credentials::Malformed, "{wrong}");
        }
        assert_eq!(of(&["Basic dTpw", "Basic dTpw"]), Credentials::Malformed);
    }
}
