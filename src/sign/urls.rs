use super::PlaybackToken;
use crate::Error;

/// Where a token plays. Each takes the account's customer code, the part of `customer-CODE.cloudflarestream.com` that
/// the dashboard shows.
///
/// # Errors
/// All give `InvalidInput` for a code that cannot be one.
impl PlaybackToken {
    /// The HLS manifest, for most players.
    pub fn hls_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "manifest/video.m3u8")
    }

    /// The MPEG-DASH manifest.
    pub fn dash_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "manifest/video.mpd")
    }

    /// Cloudflare's own player, for an `iframe`.
    pub fn iframe_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "iframe")
    }

    /// A still picture.
    pub fn thumbnail_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "thumbnails/thumbnail.jpg")
    }

    /// The video as an MP4 file. Only for a token that was signed as [`downloadable`](super::PlaybackTokenBuilder::downloadable).
    pub fn download_url(&self, customer_code: &str) -> Result<String, Error> {
        if !self.downloadable {
            return Err(Error::invalid_input("token", "does not allow downloads: sign it with downloadable(true)"));
        }
        self.url(customer_code, "downloads/default.mp4")
    }

    fn url(&self, customer_code: &str, what: &str) -> Result<String, Error> {
        if customer_code.is_empty() || !customer_code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::invalid_input("customer code", "is not made of letters and digits"));
        }
        Ok(format!("https://customer-{customer_code}.cloudflarestream.com/{self}/{what}"))
    }
}
