//! Customer codes and URLs. The expected URLs follow Cloudflare's documentation.

use std::time::Duration;

use cloudflare_stream_keys::sign::urls::{PlaybackUrl, ThumbnailFit};
use cloudflare_stream_keys::{CustomerCode, PlaybackToken};
use ureq::http::Uri;

use crate::example_key::*;

fn customer() -> CustomerCode {
    "f33zs165nr7gyfy4".parse().unwrap()
}

/// Returns the same token every time.
fn token() -> PlaybackToken {
    let signing_time = "2026-01-01T00:00:00Z".parse().unwrap();
    example_signer().token(VIDEO).downloadable(true).signing_time(signing_time).sign().unwrap()
}

/// Returns the part of the URL after the token.
fn rest(url: impl Into<String>) -> String {
    let url = url.into();
    assert!(url.parse::<Uri>().is_ok());
    let base = format!("https://customer-f33zs165nr7gyfy4.cloudflarestream.com/{}/", token());
    url.strip_prefix(&base).unwrap_or_else(|| panic!("{url}")).to_string()
}

#[test]
fn customer_code_is_parsed_from_a_host_name_or_url() {
    for text in [
        "f33zs165nr7gyfy4",
        "F33ZS165NR7GYFY4",
        "customer-f33zs165nr7gyfy4.cloudflarestream.com",
        "Customer-f33zs165nr7gyfy4.CloudflareStream.com",
        "https://customer-f33zs165nr7gyfy4.cloudflarestream.com",
        "https://customer-f33zs165nr7gyfy4.cloudflarestream.com/",
        "HTTPS://customer-f33zs165nr7gyfy4.cloudflarestream.com",
    ] {
        let customer: CustomerCode = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((customer.as_str(), customer.to_string().as_str()), ("f33zs165nr7gyfy4", "f33zs165nr7gyfy4"));
    }
    assert_eq!("a".repeat(54).parse::<CustomerCode>().unwrap().as_str(), "a".repeat(54));
    assert_eq!("customer".parse::<CustomerCode>().unwrap().as_str(), "customer");
}

#[test]
fn account_id_is_not_a_customer_code() {
    let id = "023e105f4ecef8ad9ca31a8372d0c353";
    for text in [
        id.to_string(),
        id.to_uppercase(),
        format!("customer-{id}.cloudflarestream.com"),
        format!("https://customer-{id}.cloudflarestream.com"),
    ] {
        let reason = "looks like an account ID or video UID; use CODE from customer-CODE.cloudflarestream.com";
        assert_rejected(text.parse::<CustomerCode>(), "customer code", reason);
    }
    for code in [&id[1..], "g23e105f4ecef8ad9ca31a8372d0c353"] {
        assert!(code.parse::<CustomerCode>().is_ok(), "{code}");
    }
}

#[test]
fn anything_else_is_not_a_customer_code() {
    let host = "customer-f33zs165nr7gyfy4.cloudflarestream.com";
    for text in [
        "".to_string(),
        " f33zs165nr7gyfy4".to_string(),
        "f33zs165nr7gyfy4\n".to_string(),
        "f33zs165-nr7gyfy4".to_string(),
        "f33zs165nr7gyfy4/".to_string(),
        "füü".to_string(),
        "a".repeat(55),
        "customer-f33zs165nr7gyfy4".to_string(),
        "customer-.cloudflarestream.com".to_string(),
        "f33zs165nr7gyfy4.cloudflarestream.com".to_string(),
        "customer-f33zs165nr7gyfy4cloudflarestream.com".to_string(),
        "customer-a.b.cloudflarestream.com".to_string(),
        "customer-f33zs165nr7gyfy4.cloudflarestream.com.evil.example".to_string(),
        "watch.cloudflarestream.com".to_string(),
        "https://f33zs165nr7gyfy4".to_string(),
        "https://".to_string(),
        format!("http://{host}"),
        format!("{host}/"),
        format!("{host}:443"),
        format!("https://{host}//"),
        format!("https://user@{host}"),
        format!("https://{host}/{VIDEO}/manifest/video.m3u8"),
    ] {
        assert_rejected(text.parse::<CustomerCode>(), "customer code", "use CODE from customer-CODE.");
    }
}

#[test]
fn urls_contain_the_token_in_place_of_the_video_uid() {
    let (token, customer) = (token(), customer());
    let urls = token.urls(&customer);
    for (url, expected) in [
        (urls.hls().to_string(), "manifest/video.m3u8"),
        (urls.low_latency_hls().to_string(), "manifest/video.m3u8?protocol=llhls"),
        (urls.dash().to_string(), "manifest/video.mpd"),
        (urls.webrtc().to_string(), "webRTC/play"),
        (urls.iframe().to_string(), "iframe"),
        (urls.watch().to_string(), "watch"),
        (urls.thumbnail().to_string(), "thumbnails/thumbnail.jpg"),
        (urls.thumbnail().animated().to_string(), "thumbnails/thumbnail.gif"),
        (urls.download().unwrap().to_string(), "downloads/default.mp4"),
        (urls.audio_download().unwrap().to_string(), "downloads/audio.m4a"),
    ] {
        assert_eq!(rest(url), expected);
    }
}

#[test]
fn urls_have_the_options_that_are_set() {
    let (token, customer) = (token(), customer());
    let (hls, dash) = (|| token.urls(&customer).hls(), || token.urls(&customer).dash());
    let (thumbnail, gif) = (|| token.urls(&customer).thumbnail(), || token.urls(&customer).thumbnail().animated());
    let all = || {
        let sized = thumbnail().time(Duration::from_secs(302)).height(270).width(480);
        sized.fit(ThumbnailFit::Crop)
    };
    let animated = all().animated().duration(Duration::from_millis(1500)).fps(12);
    for (url, query) in [
        (String::from(all()), ".jpg?time=302s&height=270&width=480&fit=crop"),
        (animated.into(), ".gif?time=302s&height=270&width=480&fit=crop&duration=1.5s&fps=12"),
        (thumbnail().time(Duration::from_millis(15)).into(), ".jpg?time=0.015s"),
        (thumbnail().width(u32::MAX).into(), ".jpg?width=4294967295"),
        (thumbnail().fit(ThumbnailFit::Clip).into(), ".jpg?fit=clip"),
        (thumbnail().fit(ThumbnailFit::Scale).into(), ".jpg?fit=scale"),
        (thumbnail().fit(ThumbnailFit::Fill).into(), ".jpg?fit=fill"),
        (thumbnail().height(1).width(2).height(3).into(), ".jpg?width=2&height=3"),
        (gif().duration(Duration::from_secs(4)).into(), ".gif?duration=4s"),
        (hls().client_bandwidth_hint(1800).into(), ".m3u8?clientBandwidthHint=1.8"),
        (dash().client_bandwidth_hint(10_000).into(), ".mpd?clientBandwidthHint=10"),
        (hls().client_bandwidth_hint(1).into(), ".m3u8?clientBandwidthHint=0.001"),
        (dash().client_bandwidth_hint(u32::MAX).into(), ".mpd?clientBandwidthHint=4294967.295"),
        (hls().parameter("a&b", "c=d ü").into(), ".m3u8?a%26b=c%3Dd+%C3%BC"),
        // Zero is the default, also if an option was set before.
        (thumbnail().time(Duration::MAX).height(7).time(Duration::ZERO).height(0).into(), ".jpg"),
        (hls().client_bandwidth_hint(1).client_bandwidth_hint(0).into(), ".m3u8"),
        (thumbnail().time(Duration::ZERO).height(0).width(0).into(), ".jpg"),
        (gif().duration(Duration::ZERO).fps(0).into(), ".gif"),
        (hls().client_bandwidth_hint(0).into(), ".m3u8"),
    ] {
        let rest = rest(url);
        assert_eq!(&rest[rest.find('.').unwrap()..], query);
    }
}

#[test]
fn poster_of_the_player_is_a_signed_thumbnail() {
    let (token, customer) = (token(), customer());
    let poster = token.urls(&customer).thumbnail().time(Duration::from_secs(5)).height(600);
    let url = rest(token.urls(&customer).iframe().poster(poster.clone()).parameter("muted", "true"));
    let query = url.strip_prefix("iframe?").unwrap();
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let expected = [("poster", poster.to_string()), ("muted", "true".to_string())];
    assert_eq!(parameters, expected.map(|(name, value)| (name.to_string(), value)));
    assert_eq!(rest(poster), "thumbnails/thumbnail.jpg?time=5s&height=600");
}

#[test]
fn downloads_can_have_a_filename() {
    let (token, customer) = (token(), customer());
    let (video, audio) = (token.urls(&customer).download().unwrap(), token.urls(&customer).audio_download().unwrap());
    for name in ["MY_VIDEO-1", "a", &"x".repeat(120)] {
        assert_eq!(rest(video.clone().filename(name).unwrap()), format!("downloads/default.mp4?filename={name}"));
        assert_eq!(rest(audio.clone().filename(name).unwrap()), format!("downloads/audio.m4a?filename={name}"));
    }
    for (name, reason) in [
        ("", "empty"),
        ("video.mp4", "leave out the extension"),
        ("my video", "letters, digits"),
        ("a/b", "letters, digits"),
        ("vidéo", "letters, digits"),
        ("a&b=c", "letters, digits"),
        (&"x".repeat(121), "120 characters"),
    ] {
        assert_rejected(video.clone().filename(name), "filename", reason);
    }
}

#[test]
fn downloads_need_a_token_that_allows_them() {
    let (signer, customer) = (example_signer(), customer());
    for token in [signer.token(VIDEO).sign().unwrap(), signer.token(VIDEO).downloadable(false).sign().unwrap()] {
        let urls = token.urls(&customer);
        assert_rejected(urls.download(), "token", "downloadable(true)");
        assert_rejected(urls.audio_download(), "token", "downloadable(true)");
        for path in [
            "downloads/default.mp4",
            "%64ownloads/default.mp4",
            "downloads%5Cdefault.mp4",
            "DOWNLOADS/default.mp4",
            "a//downloads/x",
            "downloads",
        ] {
            assert_rejected(urls.path(path), "token", "downloadable(true)");
        }
        assert!(urls.path("download").is_ok());
    }
}

#[test]
fn other_paths_are_checked() {
    let (token, customer) = (token(), customer());
    let path = |path| token.urls(&customer).path(path);
    for valid in
        ["iframe", "captions/en.vtt", "downloads/default.mp4", "a%20b/c%C3%BC", "a...b/.c/d.", "a/!$&'()*+,;=:@~-_"]
    {
        assert_eq!(rest(path(valid).unwrap()), valid);
    }
    for (invalid, reason) in [
        ("", "is empty"),
        ("/iframe", "starts with a slash"),
        ("//evil.example", "starts with a slash"),
        ("%2fiframe", "starts with a slash"),
        (".", "\"..\""),
        ("..", "\"..\""),
        ("../iframe", "\"..\""),
        ("a/../../b", "\"..\""),
        ("a/.", "\"..\""),
        ("%2e%2E/a", "\"..\""),
        (".%2e/a", "\"..\""),
        ("a%2f..%2Fb", "\"..\""),
        ("a%5c..%5cb", "\"..\""),
        ("?a=b", "call parameter()"),
        ("iframe?muted=true", "call parameter()"),
        ("iframe#t", "fragment"),
        ("a b", "percent-encoded"),
        ("a\\b", "percent-encoded"),
        ("a\nb", "percent-encoded"),
        (".\t./a", "percent-encoded"),
        (".\r./a", "percent-encoded"),
        ("a\0", "percent-encoded"),
        ("a\u{7f}", "percent-encoded"),
        ("a<b>", "percent-encoded"),
        ("a[b]", "percent-encoded"),
        ("a{b}", "percent-encoded"),
        ("a|b^c`d", "percent-encoded"),
        ("a\"b", "percent-encoded"),
        ("ü", "percent-encoded"),
        ("a%", "percent-encoded"),
        ("a%4", "percent-encoded"),
        ("a%4g", "percent-encoded"),
        ("a%zz", "percent-encoded"),
        ("a%é0", "percent-encoded"),
    ] {
        assert_rejected(path(invalid), "path", reason);
    }
}

#[test]
fn urls_show_their_token_only_as_text() {
    let (token, customer) = (token(), customer());
    let url: PlaybackUrl = token.urls(&customer).watch();
    assert_eq!(serde_json::to_value(&url).unwrap(), url.to_string());
    let poster = token.urls(&customer).iframe().poster(token.urls(&customer).thumbnail());
    for debug in [format!("{url:?}"), format!("{:?}", token.urls(&customer)), format!("{poster:#?}")] {
        assert!(!debug.contains(&token.as_str()[..20]) && debug.starts_with("PlaybackUrl"), "{debug}");
    }
}
