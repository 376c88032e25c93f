//! Reads environment variables. An empty variable counts as unset.

use std::env::VarError;

use crate::Error;

/// A function that reads a variable: [`var`], or a replacement in tests.
pub(crate) type ReadVar<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// Reads a variable of the process.
pub(crate) fn var(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

pub(crate) fn optional(read: ReadVar, name: &str) -> Result<Option<String>, Error> {
    match read(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::invalid_input(format!("{name} is not valid UTF-8"))),
    }
}

/// Puts the variable's name before the message of an invalid value.
pub(crate) fn named(name: &str) -> impl Fn(Error) -> Error + '_ {
    move |e| Error::invalid_input(format!("{name}: {e}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a reader of these variables.
    pub(crate) fn reader(variables: &[(&str, &str)]) -> impl Fn(&str) -> Result<String, VarError> {
        move |name| {
            let value = variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
            value.ok_or(VarError::NotPresent)
        }
    }

    #[test]
    fn variable_that_is_not_utf8_is_named_and_not_shown() {
        let error = optional(&|_| Err(VarError::NotUnicode("hunter2".into())), "NAME").unwrap_err();
        assert_eq!(error.to_string(), "NAME is not valid UTF-8");
        assert!(!format!("{error:?} {error:#?}").contains("hunter2"));
    }
}
