use std::time::Duration;

use form_urlencoded::Serializer;

use crate::Error;

/// Options for a thumbnail. The defaults are Cloudflare's (guide "Display thumbnails").
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use std::time::Duration;
/// use cloudflare_stream_keys::Signer;
/// use cloudflare_stream_keys::sign::{CustomerCode, ThumbnailFit, ThumbnailOptions};
///
/// # let server = FakeServer::start();
/// # let signer = Signer::new(&server.signing_keys().create()?)?;
/// let customer: CustomerCode = "f33zs165nr7gyfy4".parse()?;
/// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
/// let options = ThumbnailOptions::new()
///     .time(Duration::from_secs(68))
///     .height(270)
///     .fit(ThumbnailFit::Clip);
/// let url = token.thumbnail_url_with(&customer, &options)?;
/// assert!(url.ends_with("/thumbnails/thumbnail.jpg?time=68s&height=270&fit=clip"));
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct ThumbnailOptions {
    time: Option<Duration>,
    height: Option<u32>,
    width: Option<u32>,
    fit: Option<ThumbnailFit>,
    duration: Option<Duration>,
    fps: Option<u32>,
}

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

impl ThumbnailOptions {
    /// Creates options with the default values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time of the frame, or of an animated thumbnail's first frame. Defaults to the start of the video.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the height in pixels. Defaults to 640.
    pub fn height(mut self, pixels: u32) -> Self {
        self.height = Some(pixels);
        self
    }

    /// Sets the width in pixels. Defaults to 640.
    pub fn width(mut self, pixels: u32) -> Self {
        self.width = Some(pixels);
        self
    }

    /// Sets how a frame fits into a size with a different aspect ratio. Defaults to [`Crop`](ThumbnailFit::Crop).
    pub fn fit(mut self, fit: ThumbnailFit) -> Self {
        self.fit = Some(fit);
        self
    }

    /// Sets the length of an animated thumbnail. Defaults to 5 s. Ignored for a still image.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Sets the number of frames per second of an animated thumbnail. Defaults to 8. Ignored for a still image.
    pub fn fps(mut self, fps: u32) -> Self {
        self.fps = Some(fps);
        self
    }

    pub(super) fn still_query(&self) -> Result<String, Error> {
        Ok(query(self.still_parameters()?))
    }

    pub(super) fn animated_query(&self) -> Result<String, Error> {
        if self.duration.is_some_and(|duration| duration.is_zero()) {
            return Err(Error::invalid_input("thumbnail duration must not be zero"));
        }
        let animated = [("duration", self.duration.map(seconds)), ("fps", positive("thumbnail fps", self.fps)?)];
        Ok(query(self.still_parameters()?.into_iter().chain(animated)))
    }

    fn still_parameters(&self) -> Result<[Parameter; 4], Error> {
        let fit = self.fit.map(|fit| match fit {
            ThumbnailFit::Crop => "crop",
            ThumbnailFit::Clip => "clip",
            ThumbnailFit::Scale => "scale",
            ThumbnailFit::Fill => "fill",
        });
        Ok([
            ("time", self.time.map(seconds)),
            ("height", positive("thumbnail height", self.height)?),
            ("width", positive("thumbnail width", self.width)?),
            ("fit", fit.map(String::from)),
        ])
    }
}

/// Options for a manifest. By default, it lists every resolution of the video.
///
/// ```
/// # use cloudflare_stream_keys::mock::FakeServer;
/// use cloudflare_stream_keys::Signer;
/// use cloudflare_stream_keys::sign::{CustomerCode, ManifestOptions};
///
/// # let server = FakeServer::start();
/// # let signer = Signer::new(&server.signing_keys().create()?)?;
/// let customer: CustomerCode = "f33zs165nr7gyfy4".parse()?;
/// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
/// let url = token.hls_url_with(&customer, &ManifestOptions::new().client_bandwidth_hint(1.8))?;
/// assert!(url.ends_with("/manifest/video.m3u8?clientBandwidthHint=1.8"));
/// # Ok::<(), cloudflare_stream_keys::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct ManifestOptions {
    client_bandwidth_hint: Option<f64>,
    low_latency: bool,
}

impl ManifestOptions {
    /// Creates options with the default values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the manifest to the resolution closest to this bandwidth, in Mbit/s. Use it only if the player has no
    /// such setting (guide "Use your own player").
    pub fn client_bandwidth_hint(mut self, megabits_per_second: f64) -> Self {
        self.client_bandwidth_hint = Some(megabits_per_second);
        self
    }

    /// Sets whether to request Low-Latency HLS, which must be enabled for the live input. Ignored for MPEG-DASH.
    /// Defaults to false.
    pub fn low_latency(mut self, low_latency: bool) -> Self {
        self.low_latency = low_latency;
        self
    }

    pub(super) fn hls_query(&self) -> Result<String, Error> {
        let protocol = self.low_latency.then(|| "llhls".to_string());
        Ok(query([self.bandwidth_parameter()?, ("protocol", protocol)]))
    }

    pub(super) fn dash_query(&self) -> Result<String, Error> {
        Ok(query([self.bandwidth_parameter()?]))
    }

    fn bandwidth_parameter(&self) -> Result<Parameter, Error> {
        let hint = self.client_bandwidth_hint;
        if hint.is_some_and(|hint| !hint.is_finite() || hint <= 0.0) {
            return Err(Error::invalid_input("client bandwidth hint must be a positive number of Mbit/s"));
        }
        Ok(("clientBandwidthHint", hint.map(|hint| hint.to_string())))
    }
}

/// A query parameter, which is omitted if it has no value.
type Parameter = (&'static str, Option<String>);

pub(super) fn query(parameters: impl IntoIterator<Item = Parameter>) -> String {
    let parameters = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// Formats a duration as in Cloudflare's examples, such as `68s`.
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

fn positive(setting: &str, number: Option<u32>) -> Result<Option<String>, Error> {
    match number {
        Some(0) => Err(Error::invalid_input(format!("{setting} must not be zero"))),
        _ => Ok(number.map(|number| number.to_string())),
    }
}
