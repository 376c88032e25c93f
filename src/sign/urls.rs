//! URLs of a video that contain a playback token. [`PlaybackToken::urls`](super::PlaybackToken::urls) returns them.
//!
//! ```
//! # use cloudflare_stream_keys::mock::FakeServer;
//! use std::time::Duration;
//! use cloudflare_stream_keys::{CustomerCode, Signer};
//!
//! # let server = FakeServer::start();
//! # let signer = Signer::new(&server.signing_keys().create()?)?;
//! let customer: CustomerCode = "f33zs165nr7gyfy4".parse()?;
//! let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
//! let urls = token.urls(&customer);
//! let manifest = urls.hls().to_string();
//! let poster = urls.thumbnail().time(Duration::from_secs(68)).height(720);
//! let player = urls.iframe().poster(poster).parameter("muted", "true").to_string();
//! # assert!(manifest.ends_with("/manifest/video.m3u8") && player.contains("/iframe?poster=https%3A%2F%2Fcustomer-"));
//! # Ok::<(), cloudflare_stream_keys::Error>(())
//! ```
//!
//! Options accept any value, except for [`filename`](PlaybackUrl::filename). A number or a time of zero means
//! Cloudflare's default.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use form_urlencoded::byte_serialize;
use percent_encoding::percent_decode_str;
use serde::{Serialize, Serializer};

use super::customer_code::DOMAIN;
use super::{CustomerCode, PlaybackToken};
use crate::Error;

/// The longest filename that Cloudflare accepts (guide "Download video or audio").
const MAX_FILENAME_LENGTH: usize = 120;
/// The path segment of downloads, which need a token that allows them.
const DOWNLOADS: &[u8] = b"downloads";

/// The video URLs that contain a [`PlaybackToken`]. Returned by [`PlaybackToken::urls`].
#[derive(Clone, Copy, Debug)]
pub struct PlaybackUrls<'a> {
    token: &'a PlaybackToken,
    customer: &'a CustomerCode,
}

impl<'a> PlaybackUrls<'a> {
    pub(super) fn new(token: &'a PlaybackToken, customer: &'a CustomerCode) -> Self {
        Self { token, customer }
    }

    /// Returns the URL of the HLS manifest, which most players support.
    pub fn hls(&self) -> PlaybackUrl<Manifest> {
        self.url("manifest/video.m3u8")
    }

    /// Returns the URL of the Low-Latency HLS manifest of a live input. Low-Latency HLS must be enabled for the input.
    pub fn low_latency_hls(&self) -> PlaybackUrl<Manifest> {
        self.hls().parameter("protocol", "llhls")
    }

    /// Returns the URL of the MPEG-DASH manifest.
    pub fn dash(&self) -> PlaybackUrl<Manifest> {
        self.url("manifest/video.mpd")
    }

    /// Returns the URL for playback over WebRTC with a WHEP client.
    ///
    /// Cloudflare's changelog of 2025-04-11 says that signed URLs protect WebRTC playback just like HLS and DASH.
    pub fn webrtc(&self) -> PlaybackUrl {
        self.url("webRTC/play")
    }

    /// Returns the URL of Cloudflare's player, for an `iframe`.
    pub fn iframe(&self) -> PlaybackUrl<Player> {
        self.url("iframe")
    }

    /// Returns the URL of a page with Cloudflare's player, for sharing as a link.
    pub fn watch(&self) -> PlaybackUrl {
        self.url("watch")
    }

    /// Returns the URL of a JPEG thumbnail, of the first frame by default.
    pub fn thumbnail(&self) -> PlaybackUrl<Thumbnail> {
        self.url("thumbnails/thumbnail.jpg")
    }

    /// Returns the URL of the video as an MP4 file. MP4 downloads must be enabled for the video.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the token was not signed with
    /// [`downloadable(true)`](super::PlaybackTokenBuilder::downloadable).
    pub fn download(&self) -> Result<PlaybackUrl<Download>, Error> {
        self.downloadable("downloads/default.mp4")
    }

    /// Returns the URL of the audio as an M4A file. Audio downloads must be enabled for the video.
    ///
    /// # Errors
    /// Returns the same error as [`download`](Self::download).
    pub fn audio_download(&self) -> Result<PlaybackUrl<Download>, Error> {
        self.downloadable("downloads/audio.m4a")
    }

    /// Returns the URL with this path after the token. The path has no leading slash and no query.
    ///
    /// ```
    /// # use cloudflare_stream_keys::mock::FakeServer;
    /// # use cloudflare_stream_keys::Signer;
    /// # let server = FakeServer::start();
    /// # let signer = Signer::new(&server.signing_keys().create()?)?;
    /// # let customer = "f33zs165nr7gyfy4".parse()?;
    /// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
    /// let url = token.urls(&customer).path("manifest/video.m3u8")?.parameter("dvrEnabled", "true");
    /// # assert!(url.to_string().ends_with("/manifest/video.m3u8?dvrEnabled=true"));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if:
    /// - the path is empty, starts with a slash, or has a segment that is `.` or `..`,
    /// - it contains a query, a fragment, or a character that must be percent-encoded (RFC 3986), or
    /// - the path is a download, and the token was not signed with
    ///   [`downloadable(true)`](super::PlaybackTokenBuilder::downloadable).
    pub fn path(&self, path: &str) -> Result<PlaybackUrl, Error> {
        let decoded: Vec<u8> = percent_decode_str(path).collect();
        validate_path(path, &decoded)?;
        match segments(&decoded).any(|segment| segment.eq_ignore_ascii_case(DOWNLOADS)) {
            true => self.downloadable(path),
            false => Ok(self.url(path)),
        }
    }

    fn downloadable<Kind>(&self, path: &str) -> Result<PlaybackUrl<Kind>, Error> {
        match self.token.downloadable {
            true => Ok(self.url(path)),
            false => Err(Error::invalid_input("token does not allow downloads; sign it with downloadable(true)")),
        }
    }

    fn url<Kind>(&self, path: &str) -> PlaybackUrl<Kind> {
        let base = format!("https://customer-{}.{DOMAIN}/{}/", self.customer, self.token);
        PlaybackUrl { base, path: path.to_string(), parameters: Vec::new(), kind: PhantomData }
    }
}

/// A video URL that contains a token. Convert it with `to_string`, or print it.
///
/// `Kind` determines which options the URL has. `Debug` does not print the token.
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct PlaybackUrl<Kind = ()> {
    /// Up to the slash after the token.
    base: String,
    path: String,
    /// Encoded names and values.
    parameters: Vec<(String, String)>,
    kind: PhantomData<Kind>,
}

/// Marks the [URL](PlaybackUrl) of a manifest, for a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manifest {}

/// Marks the [URL](PlaybackUrl) of Cloudflare's player, for an `iframe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Player {}

/// Marks the [URL](PlaybackUrl) of a still image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Thumbnail {}

/// Marks the [URL](PlaybackUrl) of an animated image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnimatedThumbnail {}

/// Marks the [URL](PlaybackUrl) of a file to download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Download {}

/// How a frame fits into a size with a different aspect ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThumbnailFit {
    /// Crops the parts that do not fit.
    Crop,
    /// Keeps the whole frame, and shrinks the image.
    Clip,
    /// Distorts the frame.
    Scale,
    /// Keeps the whole frame, and fills the rest with black.
    Fill,
}

impl<Kind> PlaybackUrl<Kind> {
    /// Sets a query parameter. The name and the value are URL-encoded.
    pub fn parameter(self, name: &str, value: &str) -> Self {
        self.option(name, Some(value.to_string()))
    }

    /// Sets a query parameter, or removes it.
    fn option(mut self, name: &str, value: Option<String>) -> Self {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let name = encoded(name);
        self.parameters.retain(|(known, _)| *known != name);
        self.parameters.extend(value.map(|value| (name, encoded(&value))));
        self
    }

    fn number(self, name: &str, number: u32) -> Self {
        self.option(name, (number > 0).then(|| number.to_string()))
    }

    /// Sets a time in the format of Cloudflare's examples, such as `68s`.
    fn seconds(self, name: &str, time: Duration) -> Self {
        self.option(name, (!time.is_zero()).then(|| format!("{}s", time.as_secs_f64())))
    }
}

impl PlaybackUrl<Manifest> {
    /// Limits the manifest to the resolution closest to this bandwidth. By default, and with zero, the manifest lists
    /// every resolution of the video. Use this only if the player has no setting for it (guide "Use your own player").
    pub fn client_bandwidth_hint(self, kilobits_per_second: u32) -> Self {
        let megabits_per_second = f64::from(kilobits_per_second) / 1000.0;
        self.option("clientBandwidthHint", (kilobits_per_second > 0).then(|| megabits_per_second.to_string()))
    }
}

impl PlaybackUrl<Player> {
    /// Sets the image that is shown until playback starts. Its URL contains the token too, so that the player can load
    /// it for a protected video.
    pub fn poster(self, thumbnail: PlaybackUrl<Thumbnail>) -> Self {
        self.parameter("poster", &thumbnail.to_string())
    }
}

/// Defaults are those of Cloudflare's guide "Display thumbnails".
impl PlaybackUrl<Thumbnail> {
    /// Sets the time of the frame, or of an animated thumbnail's first frame. Defaults to zero, the start of the video.
    pub fn time(self, time: Duration) -> Self {
        self.seconds("time", time)
    }

    /// Sets the height in pixels. Zero means the default, which is 640.
    pub fn height(self, pixels: u32) -> Self {
        self.number("height", pixels)
    }

    /// Sets the width in pixels. Zero means the default, which is 640.
    pub fn width(self, pixels: u32) -> Self {
        self.number("width", pixels)
    }

    /// Sets how a frame fits into a size with a different aspect ratio. Defaults to [`ThumbnailFit::Crop`].
    pub fn fit(self, fit: ThumbnailFit) -> Self {
        self.parameter(
            "fit",
            match fit {
                ThumbnailFit::Crop => "crop",
                ThumbnailFit::Clip => "clip",
                ThumbnailFit::Scale => "scale",
                ThumbnailFit::Fill => "fill",
            },
        )
    }

    /// Converts the URL to that of an animated GIF thumbnail with the same options.
    pub fn animated(self) -> PlaybackUrl<AnimatedThumbnail> {
        let Self { base, parameters, .. } = self;
        PlaybackUrl { base, path: "thumbnails/thumbnail.gif".to_string(), parameters, kind: PhantomData }
    }
}

/// Defaults are those of Cloudflare's guide "Display thumbnails".
impl PlaybackUrl<AnimatedThumbnail> {
    /// Sets how much of the video is shown. Zero means the default, which is 5 s.
    pub fn duration(self, duration: Duration) -> Self {
        self.seconds("duration", duration)
    }

    /// Sets the number of frames per second. Zero means the default, which is 8.
    pub fn fps(self, fps: u32) -> Self {
        self.number("fps", fps)
    }
}

impl PlaybackUrl<Download> {
    /// Sets the name that browsers save the file under. Cloudflare adds the extension.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name is empty, has more than 120
    /// characters, or contains a character other than ASCII letters, digits, `-` and `_`.
    pub fn filename(self, filename: &str) -> Result<Self, Error> {
        let invalid = |problem| Err(Error::invalid_input(format!("filename {problem}")));
        if filename.is_empty() {
            return invalid("is empty");
        }
        if !filename.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return invalid(
                "contains a character other than ASCII letters, digits, '-' and '_'; leave out the extension",
            );
        }
        if filename.len() > MAX_FILENAME_LENGTH {
            return invalid("has more than 120 characters");
        }
        Ok(self.parameter("filename", filename))
    }
}

impl<Kind> fmt::Display for PlaybackUrl<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.path)?;
        for (i, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{}{name}={value}", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl<Kind> fmt::Debug for PlaybackUrl<Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaybackUrl").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<Kind> From<PlaybackUrl<Kind>> for String {
    fn from(url: PlaybackUrl<Kind>) -> Self {
        url.to_string()
    }
}

impl<Kind> Serialize for PlaybackUrl<Kind> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Checks that RFC 3986 allows all the characters of a path, and that the path stays below the token when a browser
/// resolves the URL.
fn validate_path(path: &str, decoded: &[u8]) -> Result<(), Error> {
    let invalid = |problem| Err(Error::invalid_input(format!("path {problem}")));
    if path.is_empty() {
        return invalid("is empty");
    }
    if decoded.starts_with(b"/") {
        return invalid("starts with a slash; remove it");
    }
    if path.contains('?') {
        return invalid("has a query; remove the '?' and what follows, and call parameter()");
    }
    if path.contains('#') {
        return invalid("has a fragment; remove the '#' and what follows");
    }
    if segments(decoded).any(|segment| matches!(segment, b"." | b"..")) {
        return invalid("contains a segment that is \".\" or \"..\"");
    }
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&b);
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !path.bytes().all(is_allowed) || !path.split('%').skip(1).all(is_escape) {
        return invalid("contains a character that must be percent-encoded");
    }
    Ok(())
}

/// Splits a decoded path. Browsers take a backslash for a slash.
fn segments(decoded: &[u8]) -> impl Iterator<Item = &[u8]> {
    decoded.split(|b| b"/\\".contains(b))
}
