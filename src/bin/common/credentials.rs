//! A user name and a password on the command line or in the environment; the password may be in a file.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

/// What was given as `USER:PASS` or `USER:@FILE`.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Password,
}

/// A password, or the file that it is in.
#[derive(Clone)]
pub(crate) enum Password {
    Given(String),
    /// The first line of this file.
    InFile(PathBuf),
}

/// Why a password cannot be read from its file.
#[derive(Debug)]
pub(crate) struct PasswordFileError {
    owner: String,
    path: PathBuf,
    source: io::Error,
}

impl Credentials {
    /// Splits `USER:PASS` at the first colon.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (user, password) = text.split_once(':').ok_or("there is no colon between user name and password")?;
        Ok(Self { user: user.into(), password: password.into() })
    }
}

impl Password {
    /// The password, read from its file if it is in one. The owner is for error messages: a user, or what the password protects.
    pub(crate) fn read(&self, owner: &str) -> Result<String, PasswordFileError> {
        let path = match self {
            Self::Given(password) => return Ok(password.clone()),
            Self::InFile(path) => path,
        };
        let text = fs::read_to_string(path).map_err(|source| PasswordFileError {
            owner: owner.into(),
            path: path.clone(),
            source,
        })?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

/// `PASS` or `@FILE`
impl From<&str> for Password {
    fn from(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(path) => Self::InFile(path.into()),
            None => Self::Given(text.into()),
        }
    }
}

/// Without the password.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(_)"),
            Self::InFile(path) => f.debug_tuple("InFile").field(path).finish(),
        }
    }
}

impl fmt::Display for PasswordFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, path, source } = self;
        write!(f, "cannot read the password of {owner} from {}: {}", path.display(), hearken::reason(source))
    }
}

impl Error for PasswordFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_need_a_colon() {
        let credentials = Credentials::parse("ada:a:b").unwrap();
        assert_eq!((credentials.user.as_str(), credentials.password.read("ada").unwrap().as_str()), ("ada", "a:b"));
        assert!(Credentials::parse("ada").is_err());
        assert!(!format!("{credentials:?}").contains("a:b"));
    }

    #[test]
    fn passwords_may_be_in_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let password = Credentials::parse(&format!("ada:@{}", path.display())).unwrap().password;
        let error = password.read("ada").unwrap_err().to_string();
        assert!(
            error.starts_with("cannot read the password of ada from /") && error.ends_with("no such file or directory"),
            "{error}"
        );
        for text in ["open sesame", "open sesame\n", "open sesame\r\nand more\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(password.read("ada").unwrap(), "open sesame");
        }
    }
}
