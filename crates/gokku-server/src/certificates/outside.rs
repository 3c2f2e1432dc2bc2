//! What the keeper of certificates reaches outside of itself, as a trait.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use futures_util::future::BoxFuture;
use gokku_acme::{Information, Issued};
use gokku_core::AppName;
use gokku_core::certificates::direction::Direction;
use gokku_core::certificates::draw::Draw;
use gokku_core::certificates::memory::Memory;
use gokku_core::certificates::order::{CertificateId, Settings};
use gokku_core::certificates::proof::Proof;
use gokku_core::certificates::renewal::Validity;
use gokku_core::certificates::retry::Failure;
use gokku_core::domains::name::DomainName;
use gokku_core::text::utc_time::UtcTime;

/// A certificate that is there.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What it is kept under, if it was ordered; none if a person added it.
    pub id: Option<CertificateId>,
    /// Its names.
    pub names: BTreeSet<DomainName>,
    /// From when to when it is valid.
    pub validity: Validity,
    /// Itself, in DER form.
    pub der: Vec<u8>,
}

/// What the settings say.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Of orders.
    pub settings: Settings,
    /// The URL of the directory of the authority that is asked.
    pub directory: String,
}

/// What is needed of the world outside.
pub trait Outside: Send + Sync {
    /// Returns the time.
    fn now(&self) -> UtcTime;
    /// Draws a number.
    fn draw(&self) -> Draw;
    /// Returns what the settings say; none if they cannot be read now.
    fn terms(&self) -> Option<Terms>;
    /// Returns the names that are wanted, each with the app that it leads to; none if they cannot be had now.
    fn wanted(&self) -> Option<BTreeMap<DomainName, AppName>>;
    /// Returns the certificates that are there.
    fn held(&self) -> BoxFuture<'_, Vec<Certificate>>;
    /// Looks where a name leads.
    fn look<'a>(&'a self, name: &'a DomainName) -> BoxFuture<'a, Direction>;
    /// Orders a certificate; `renews` is the one that it renews, in DER form.
    fn order<'a>(
        &'a self,
        names: &'a [(DomainName, Proof)],
        renews: Option<&'a [u8]>,
    ) -> BoxFuture<'a, Result<Issued, gokku_acme::Error>>;
    /// Asks the authority when a certificate, in DER form, is to be renewed.
    fn information<'a>(
        &'a self,
        certificate: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<Information>, gokku_acme::Error>>;
    /// Keeps a certificate and serves it from now on.
    fn install<'a>(
        &'a self,
        id: &'a CertificateId,
        issued: &'a Issued,
    ) -> BoxFuture<'a, Result<(), Box<dyn Error + Send + Sync>>>;
    /// Removes a certificate that was ordered.
    fn discard<'a>(&'a self, id: &'a CertificateId) -> BoxFuture<'a, ()>;
    /// Tells that these names have no new certificate, none of them in particular where it is the authority's failure.
    fn failed(&self, names: &[DomainName], failure: &Failure);
    /// Keeps what is remembered.
    fn remember(&self, memory: &Memory);
}
