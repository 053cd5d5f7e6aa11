//! A user name and a password on the command line or in the environment; the password may be in a file.

use std::fmt;
use std::fs;

/// What was given as `USER:PASS` or `USER:@FILE`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    password: String,
}

impl Credentials {
    /// The first colon ends the user name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (user, password) = text.split_once(':').ok_or("there is no colon between user name and password")?;
        Ok(Self { user: user.into(), password: password.into() })
    }

    /// The password itself; a file's first line where it is given as `@FILE`.
    pub(crate) fn password(&self) -> Result<String, String> {
        let Some(path) = self.password.strip_prefix('@') else { return Ok(self.password.clone()) };
        let text = fs::read_to_string(path).map_err(|error| {
            format!("cannot read the password of {} from {path}: {}", self.user, hearken::reason(&error))
        })?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_need_a_colon() {
        let credentials = Credentials::parse("ada:a:b").unwrap();
        assert_eq!((credentials.user.as_str(), credentials.password()), ("ada", Ok("a:b".into())));
        assert!(Credentials::parse("ada").is_err());
        assert!(!format!("{credentials:?}").contains("a:b"));
    }

    #[test]
    fn passwords_may_be_in_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let credentials = Credentials::parse(&format!("ada:@{}", path.display())).unwrap();
        let error = credentials.password().unwrap_err();
        assert!(
            error.starts_with("cannot read the password of ada from /") && error.ends_with("no such file or directory"),
            "{error}"
        );
        for text in ["open sesame", "open sesame\n", "open sesame\r\nand more\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(credentials.password().as_deref(), Ok("open sesame"));
        }
    }
}
