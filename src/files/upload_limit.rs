//! How long an upload may be, for listings to say beforehand.

/// How long an upload may be now, as listings say beside the form: `Up to 2 GiB fit here (--max-total).`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimit {
    bytes: u64,
    option: Option<&'static str>,
}

impl UploadLimit {
    /// A limit of this many bytes, set by no option.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, option: None }
    }

    /// The name of the program's option that sets the limit, such as `--max-total`, so that whoever runs the program knows what to
    /// change. Defaults to none.
    #[must_use]
    pub fn option(mut self, name: &'static str) -> Self {
        self.option = Some(name);
        self
    }

    /// How many bytes an upload may have.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The name of the option that sets the limit.
    pub(super) fn option_name(&self) -> Option<&'static str> {
        self.option
    }
}
