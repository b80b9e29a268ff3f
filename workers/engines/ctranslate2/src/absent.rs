//! Where CTranslate2 is not to be had: the same functions, each an error.

use std::path::Path;

use crate::{Alignment, Ct2Error, Device, Features, Generated, Generation};

/// A model that cannot be opened on this kind of machine.
pub struct WhisperModel(std::convert::Infallible);

/// What no encoder makes.
pub enum Encoded<'a> {
    /// It is never made.
    Never(
        std::convert::Infallible,
        std::marker::PhantomData<&'a Features>,
    ),
}

/// # Errors
/// [`Ct2Error::Library`], always.
pub fn load_library(library: &Path) -> Result<(), Ct2Error> {
    Err(Ct2Error::Library {
        path: library.to_owned(),
        reason: "models of this format need Linux on x86-64".to_owned(),
    })
}

/// # Errors
/// [`Ct2Error::LibraryNotLoaded`], always.
pub fn check_device(_: Device) -> Result<(), Ct2Error> {
    Err(Ct2Error::LibraryNotLoaded)
}

#[expect(missing_docs, reason = "as in `model`, whose place it takes")]
impl WhisperModel {
    pub fn open(library: &Path, _: &Path, _: Device, _: usize) -> Result<Self, Ct2Error> {
        load_library(library)?;
        Err(Ct2Error::LibraryNotLoaded)
    }

    pub fn is_multilingual(&self) -> bool {
        match self.0 {}
    }

    pub fn bands(&self) -> usize {
        match self.0 {}
    }

    pub fn encode(&self, _: Features) -> Result<Encoded<'static>, Ct2Error> {
        match self.0 {}
    }

    pub fn languages(&self, _: &Encoded<'_>) -> Result<Vec<Vec<(String, f32)>>, Ct2Error> {
        match self.0 {}
    }

    pub fn generate(
        &self,
        _: &Encoded<'_>,
        _: &[Vec<String>],
        _: &Generation,
    ) -> Result<Vec<Generated>, Ct2Error> {
        match self.0 {}
    }

    pub fn align(
        &self,
        _: &Encoded<'_>,
        _: &[usize],
        _: &[Vec<usize>],
        _: &[usize],
    ) -> Result<Vec<Alignment>, Ct2Error> {
        match self.0 {}
    }
}

#[expect(missing_docs, reason = "as in `model`, whose place it takes")]
impl<'a> Encoded<'a> {
    pub fn by_each(_: &'a mut Features) -> Result<Self, Ct2Error> {
        Err(Ct2Error::LibraryNotLoaded)
    }
}
