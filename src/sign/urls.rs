use percent_encoding::percent_decode_str;

use super::customer_code::DOMAIN;
use super::url_options::query;
use super::{CustomerCode, ManifestOptions, PlaybackToken, ThumbnailOptions};
use crate::Error;

/// The longest filename that Cloudflare accepts (guide "Download video or audio").
const MAX_FILENAME_LENGTH: usize = 120;
/// The path prefix of downloads, which need a token that allows them.
const DOWNLOADS: &[u8] = b"downloads/";

/// # URLs
///
/// Every URL uses the account's host name, which contains its [`CustomerCode`].
impl PlaybackToken {
    /// Returns the URL of the HLS manifest, which most players support.
    pub fn hls_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "manifest/video.m3u8", "")
    }

    /// Returns the URL of the HLS manifest with options.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the bandwidth hint is not a positive
    /// number.
    pub fn hls_url_with(&self, customer: &CustomerCode, options: &ManifestOptions) -> Result<String, Error> {
        Ok(self.build_url(customer, "manifest/video.m3u8", &options.hls_query()?))
    }

    /// Returns the URL of the MPEG-DASH manifest.
    pub fn dash_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "manifest/video.mpd", "")
    }

    /// Returns the URL of the MPEG-DASH manifest with options.
    ///
    /// # Errors
    /// Returns the same errors as [`hls_url_with`](Self::hls_url_with).
    pub fn dash_url_with(&self, customer: &CustomerCode, options: &ManifestOptions) -> Result<String, Error> {
        Ok(self.build_url(customer, "manifest/video.mpd", &options.dash_query()?))
    }

    /// Returns the URL for playback over WebRTC with a WHEP client.
    ///
    /// Cloudflare's changelog announced signed WebRTC playback on 2025-04-11, but its documentation shows this URL only
    /// with a video UID. This method assumes that the token replaces the UID, as in all other URLs.
    pub fn webrtc_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "webRTC/play", "")
    }

    /// Returns the URL of Cloudflare's player, for an `iframe`.
    ///
    /// To add player parameters, use [`url`](Self::url): `token.url(&customer, "iframe?muted=true")?`.
    pub fn iframe_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "iframe", "")
    }

    /// Returns the URL of Cloudflare's player with a thumbnail as its poster, which is shown until playback starts.
    ///
    /// The poster's URL also contains the token, so that the player can load it for a protected video.
    ///
    /// # Errors
    /// Returns the same errors as [`thumbnail_url_with`](Self::thumbnail_url_with).
    pub fn iframe_url_with_poster(&self, customer: &CustomerCode, poster: &ThumbnailOptions) -> Result<String, Error> {
        let poster = self.thumbnail_url_with(customer, poster)?;
        Ok(self.build_url(customer, "iframe", &query([("poster", Some(poster))])))
    }

    /// Returns the URL of Cloudflare's page with the player, for sharing as a link.
    pub fn watch_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "watch", "")
    }

    /// Returns the URL of a thumbnail: a JPEG image of the first frame.
    pub fn thumbnail_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "thumbnails/thumbnail.jpg", "")
    }

    /// Returns the URL of a thumbnail with options.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the height or the width is zero.
    pub fn thumbnail_url_with(&self, customer: &CustomerCode, options: &ThumbnailOptions) -> Result<String, Error> {
        Ok(self.build_url(customer, "thumbnails/thumbnail.jpg", &options.still_query()?))
    }

    /// Returns the URL of an animated thumbnail: a GIF of the first seconds.
    pub fn animated_thumbnail_url(&self, customer: &CustomerCode) -> String {
        self.build_url(customer, "thumbnails/thumbnail.gif", "")
    }

    /// Returns the URL of an animated thumbnail with options.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the height, the width, the duration or
    /// the number of frames per second is zero.
    pub fn animated_thumbnail_url_with(
        &self,
        customer: &CustomerCode,
        options: &ThumbnailOptions,
    ) -> Result<String, Error> {
        Ok(self.build_url(customer, "thumbnails/thumbnail.gif", &options.animated_query()?))
    }

    /// Returns the URL of the video as an MP4 file. MP4 downloads must be enabled for the video.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the token was not signed with
    /// [`downloadable(true)`](super::PlaybackTokenBuilder::downloadable).
    pub fn download_url(&self, customer: &CustomerCode) -> Result<String, Error> {
        self.url(customer, "downloads/default.mp4")
    }

    /// Returns the URL of the video as an MP4 file that browsers save under this name. Cloudflare adds the extension.
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the token does not allow downloads, or if
    /// the name is empty, has more than 120 characters, or contains a character other than ASCII letters, digits, `-`
    /// and `_`.
    pub fn download_url_as(&self, customer: &CustomerCode, filename: &str) -> Result<String, Error> {
        self.url(customer, &format!("downloads/default.mp4?{}", filename_query(filename)?))
    }

    /// Returns the URL of the audio as an M4A file. Audio downloads must be enabled for the video.
    ///
    /// # Errors
    /// Returns the same error as [`download_url`](Self::download_url).
    pub fn audio_download_url(&self, customer: &CustomerCode) -> Result<String, Error> {
        self.url(customer, "downloads/audio.m4a")
    }

    /// Returns the URL of the audio as an M4A file that browsers save under this name. Cloudflare adds the extension.
    ///
    /// # Errors
    /// Returns the same errors as [`download_url_as`](Self::download_url_as).
    pub fn audio_download_url_as(&self, customer: &CustomerCode, filename: &str) -> Result<String, Error> {
        self.url(customer, &format!("downloads/audio.m4a?{}", filename_query(filename)?))
    }

    /// Returns any other URL of the video. `path_and_query` is the part after the token, without a leading slash.
    ///
    /// ```
    /// # use cloudflare_stream_keys::mock::FakeServer;
    /// # use cloudflare_stream_keys::Signer;
    /// # let server = FakeServer::start();
    /// # let signer = Signer::new(&server.signing_keys().create()?)?;
    /// # let customer = "f33zs165nr7gyfy4".parse()?;
    /// let token = signer.token("5d5bc37ffcf54c9b82e996823bffbb81").sign()?;
    /// let url = token.url(&customer, "iframe?autoplay=true&muted=true")?;
    /// # assert!(url.ends_with("/iframe?autoplay=true&muted=true"));
    /// # Ok::<(), cloudflare_stream_keys::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if:
    /// - the path is empty, starts with a slash, or has a segment that is `.` or `..`,
    /// - it contains a fragment, or a character that must be percent-encoded (RFC 3986), or
    /// - it is a download, and the token was not signed with
    ///   [`downloadable(true)`](super::PlaybackTokenBuilder::downloadable).
    pub fn url(&self, customer: &CustomerCode, path_and_query: &str) -> Result<String, Error> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let decoded_path: Vec<u8> = percent_decode_str(path).collect();
        validate_path(&decoded_path)?;
        validate_characters(path_and_query)?;
        if decoded_path.starts_with(DOWNLOADS) && !self.downloadable {
            return Err(Error::invalid_input("token does not allow downloads; sign it with downloadable(true)"));
        }
        Ok(self.build_url(customer, path, query))
    }

    fn build_url(&self, customer: &CustomerCode, path: &str, query: &str) -> String {
        let separator = if query.is_empty() { "" } else { "?" };
        format!("https://customer-{customer}.{DOMAIN}/{self}/{path}{separator}{query}")
    }
}

fn filename_query(filename: &str) -> Result<String, Error> {
    let invalid = |problem| Err(Error::invalid_input(format!("filename {problem}")));
    if filename.is_empty() {
        return invalid("is empty");
    }
    if !filename.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return invalid("contains a character other than letters, digits, '-' and '_'; leave out the extension");
    }
    if filename.len() > MAX_FILENAME_LENGTH {
        return invalid("has more than 120 characters");
    }
    Ok(query([("filename", Some(filename.to_string()))]))
}

/// Checks that the decoded path stays below the token when a browser resolves it.
fn validate_path(path: &[u8]) -> Result<(), Error> {
    let invalid = |problem| Err(Error::invalid_input(format!("path {problem}")));
    if path.is_empty() {
        return invalid("is empty");
    }
    if path.starts_with(b"/") {
        return invalid("starts with a slash; remove it");
    }
    if path.split(|b| b"/\\".contains(b)).any(|segment| matches!(segment, b"." | b"..")) {
        return invalid("contains a segment that is \".\" or \"..\"");
    }
    Ok(())
}

/// Checks that RFC 3986 allows all the characters in a path or query.
fn validate_characters(path_and_query: &str) -> Result<(), Error> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&b);
    if path_and_query.contains('#') {
        return Err(Error::invalid_input("path has a fragment; remove the '#' and what follows"));
    }
    let mut escapes = path_and_query.split('%').skip(1);
    if !path_and_query.bytes().all(is_allowed)
        || !escapes.all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()))
    {
        return Err(Error::invalid_input("path or query contains a character that must be percent-encoded"));
    }
    Ok(())
}
