use std::fmt;

use serde_json::error::Category;

/// Why a text could not be decoded, and at which position.
///
/// Does not keep serde_json's error, which quotes the body and so may contain a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    problem: &'static str,
    position: Position,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    Byte(usize),
    LineAndColumn(usize, usize),
}

impl From<std::str::Utf8Error> for DecodeError {
    fn from(e: std::str::Utf8Error) -> Self {
        Self { problem: "not valid UTF-8", position: Position::Byte(e.valid_up_to()) }
    }
}

impl DecodeError {
    /// Not `From`, which would make serde_json part of the public API.
    pub(crate) fn from_json(e: serde_json::Error) -> Self {
        let problem = match e.classify() {
            Category::Data => "JSON of an unexpected shape",
            Category::Eof => "truncated JSON",
            Category::Syntax | Category::Io => "not valid JSON",
        };
        Self { problem, position: Position::LineAndColumn(e.line(), e.column()) }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Position::Byte(byte) => write!(f, "{} (byte {byte})", self.problem),
            Position::LineAndColumn(line, column) => write!(f, "{} (line {line}, column {column})", self.problem),
        }
    }
}

impl std::error::Error for DecodeError {}
