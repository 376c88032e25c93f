use super::PlaybackToken;
use crate::Error;

/// # URLs
///
/// Each method takes the account's customer code: `CODE` in `customer-CODE.cloudflarestream.com`, which the dashboard
/// shows.
///
/// # Errors
/// Each returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the code is empty or contains a
/// character other than letters and digits.
impl PlaybackToken {
    /// Returns the URL of the HLS manifest, which most players support.
    pub fn hls_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "manifest/video.m3u8")
    }

    /// Returns the URL of the MPEG-DASH manifest.
    pub fn dash_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "manifest/video.mpd")
    }

    /// Returns the URL of Cloudflare's player, for an `iframe`.
    pub fn iframe_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "iframe")
    }

    /// Returns the URL of a thumbnail image.
    pub fn thumbnail_url(&self, customer_code: &str) -> Result<String, Error> {
        self.url(customer_code, "thumbnails/thumbnail.jpg")
    }

    /// Returns the URL of the video as an MP4 file. Downloads must be enabled for the video.
    ///
    /// # Errors
    /// Also returns [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the token was not signed with
    /// [`downloadable(true)`](super::PlaybackTokenBuilder::downloadable).
    pub fn download_url(&self, customer_code: &str) -> Result<String, Error> {
        if !self.downloadable {
            return Err(Error::invalid_input("token does not allow downloads; sign it with downloadable(true)"));
        }
        self.url(customer_code, "downloads/default.mp4")
    }

    fn url(&self, customer_code: &str, path: &str) -> Result<String, Error> {
        if customer_code.is_empty() || !customer_code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::invalid_input(
                "customer code must contain only letters and digits; it is CODE in customer-CODE.cloudflarestream.com",
            ));
        }
        Ok(format!("https://customer-{customer_code}.cloudflarestream.com/{self}/{path}"))
    }
}
