//! Users, tokens, and their roles.

use std::sync::Arc;

use crate::{
    config::yaml::{Fault, Node},
    model::hex,
    server::{AccessOptions, Role, Token, User},
};

/// A hash of a higher cost would take a core for seconds at each login.
const MAX_COST: u32 = 14;
/// What may be done without login where the file doesn't say it.
const ANONYMOUS: Role = Role::Health;

/// `basic_auth_users`; each may do everything until a role says otherwise.
pub(super) fn users(section: &Node) -> Result<Vec<User>, Fault> {
    let mut users = Vec::new();
    for (key, value) in section.entries("basic_auth_users")? {
        let name = key.text("a user's name")?;
        if name.contains(':') {
            return Err(key.fault(format!("a user's name can't have a colon, found {name:?}")));
        }
        let hash = value.text("a user's password")?;
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| {
            value.fault(format!(
                "the password of {name:?} has to be a bcrypt hash such as $2b$10$…; vctsdb password makes one"
            ))
        })?;
        if parts.get_cost() > MAX_COST {
            let why = format!("the hash of {name:?} has a cost of {}; at most {MAX_COST} is taken", parts.get_cost());
            return Err(value.fault(why));
        }
        users.push(User { name: name.into(), hash: hash.into(), role: Role::Admin });
    }
    Ok(users)
}

/// Fills in what the section `vctsdb` says, and what holds without it.
pub(super) fn complete(access: &mut AccessOptions, section: Option<&Node>) -> Result<(), Fault> {
    access.anonymous = vec![ANONYMOUS];
    for (key, value) in section.map_or(Ok(&[][..]), |section| section.entries("vctsdb"))? {
        match key.text("a key of vctsdb")? {
            "tokens" => access.tokens = tokens(value)?,
            "roles" => roles(value, &mut access.users)?,
            "anonymous" => access.anonymous = anonymous(value)?,
            other => return Err(key.unknown("key of vctsdb", other, &["anonymous", "roles", "tokens"])),
        }
    }
    if access.has_login() {
        return Ok(());
    }
    match section {
        // Without login everybody may do everything: whoever says what may be done without one means something else.
        Some(section) if !section.is_null() => {
            Err(section.fault("there is neither a user nor a token, so that everybody may do everything".to_owned()))
        }
        _ => Ok(()),
    }
}

fn role(node: &Node) -> Result<Role, Fault> {
    node.text("a role")?.parse().map_err(|why| node.fault(why))
}

fn roles(section: &Node, users: &mut [User]) -> Result<(), Fault> {
    for (key, value) in section.entries("roles")? {
        let name = key.text("a user's name")?;
        let Some(user) = users.iter_mut().find(|user| &*user.name == name) else {
            return Err(key.fault(format!("{name:?} has a role and is none of basic_auth_users, which stand above it")));
        };
        user.role = role(value)?;
    }
    Ok(())
}

fn anonymous(section: &Node) -> Result<Vec<Role>, Fault> {
    let mut roles = Vec::new();
    for item in section.items("anonymous")? {
        let role = role(item)?;
        if matches!(role, Role::Admin | Role::Backup) {
            return Err(item.fault(format!("{role} can't be had without login")));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn tokens(section: &Node) -> Result<Vec<Token>, Fault> {
    let mut tokens: Vec<Token> = Vec::new();
    for item in section.items("tokens")? {
        let (mut name, mut of, mut digest) = (None, None, None);
        for (key, value) in item.entries("a token")? {
            match key.text("a key of a token")? {
                "name" => name = Some(Arc::<str>::from(value.text("a token's name")?)),
                "role" => of = Some(role(value)?),
                "sha256" => digest = Some(self::digest(value)?),
                other => return Err(key.unknown("key of a token", other, &["name", "role", "sha256"])),
            }
        }
        let (Some(name), Some(role), Some(digest)) = (name, of, digest) else {
            return Err(item.fault("a token has a name, a role and a sha256; vctsdb token makes one".to_owned()));
        };
        if let Some(other) = tokens.iter().find(|token| token.name == name || token.digest == digest) {
            return Err(item.fault(format!("the token {name:?} has the name or the digest of {:?}", other.name)));
        }
        tokens.push(Token { name, role, digest });
    }
    Ok(tokens)
}

/// The 32 bytes of 64 hexadecimal digits.
fn digest(node: &Node) -> Result<[u8; 32], Fault> {
    let text = node.text("sha256")?;
    let digest = hex::decode(text).and_then(|bytes| bytes.try_into().ok());
    digest.ok_or_else(|| node.fault("sha256 has to be 64 hexadecimal digits".to_owned()))
}
