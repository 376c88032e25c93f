//! Customer codes and URLs. The expected URLs follow Cloudflare's documentation.

use std::time::Duration;

use cloudflare_stream_keys::sign::{ManifestOptions, ThumbnailFit, ThumbnailOptions};
use cloudflare_stream_keys::{CustomerCode, Error, PlaybackToken};
use ureq::http::Uri;

use crate::example_key::*;

fn customer() -> CustomerCode {
    "f33zs165nr7gyfy4".parse().unwrap()
}

fn token() -> PlaybackToken {
    example_signer().token(VIDEO).downloadable(true).sign().unwrap()
}

/// Returns the part of the URL after the token.
fn rest<'a>(token: &PlaybackToken, url: &'a str) -> &'a str {
    assert!(url.parse::<Uri>().is_ok());
    let base = format!("https://customer-f33zs165nr7gyfy4.cloudflarestream.com/{token}/");
    url.strip_prefix(&base).unwrap_or_else(|| panic!("{url}"))
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
    for (url, expected) in [
        (token.hls_url(&customer), "manifest/video.m3u8"),
        (token.dash_url(&customer), "manifest/video.mpd"),
        (token.webrtc_url(&customer), "webRTC/play"),
        (token.iframe_url(&customer), "iframe"),
        (token.watch_url(&customer), "watch"),
        (token.thumbnail_url(&customer), "thumbnails/thumbnail.jpg"),
        (token.animated_thumbnail_url(&customer), "thumbnails/thumbnail.gif"),
        (token.download_url(&customer).unwrap(), "downloads/default.mp4"),
        (token.audio_download_url(&customer).unwrap(), "downloads/audio.m4a"),
    ] {
        assert_eq!(rest(&token, &url), expected);
    }
}

#[test]
fn thumbnails_have_the_options_that_are_set() {
    let (token, customer) = (token(), customer());
    let all = ThumbnailOptions::new()
        .time(Duration::from_secs(302))
        .height(270)
        .width(480)
        .fit(ThumbnailFit::Crop)
        .duration(Duration::from_millis(1500))
        .fps(12);
    let still = |options: &ThumbnailOptions| {
        let url = token.thumbnail_url_with(&customer, options).unwrap();
        rest(&token, &url).strip_prefix("thumbnails/thumbnail.jpg").unwrap().to_string()
    };
    let animated = |options: &ThumbnailOptions| {
        let url = token.animated_thumbnail_url_with(&customer, options).unwrap();
        rest(&token, &url).strip_prefix("thumbnails/thumbnail.gif").unwrap().to_string()
    };
    assert_eq!(still(&all), "?time=302s&height=270&width=480&fit=crop");
    assert_eq!(animated(&all), "?time=302s&height=270&width=480&fit=crop&duration=1.5s&fps=12");

    let new = ThumbnailOptions::new;
    assert_eq!((still(&new()), animated(&new())), (String::new(), String::new()));
    for (options, query) in [
        (new().time(Duration::ZERO), "?time=0s"),
        (new().time(Duration::from_millis(15)), "?time=0.015s"),
        (new().height(1), "?height=1"),
        (new().width(u32::MAX), "?width=4294967295"),
        (new().fit(ThumbnailFit::Clip), "?fit=clip"),
        (new().fit(ThumbnailFit::Scale), "?fit=scale"),
        (new().fit(ThumbnailFit::Fill), "?fit=fill"),
    ] {
        assert_eq!((still(&options).as_str(), animated(&options).as_str()), (query, query));
    }
    for (options, query) in
        [(new().duration(Duration::from_secs(4)), "?duration=4s"), (new().height(2).fps(1), "?height=2&fps=1")]
    {
        assert_eq!(animated(&options), query);
    }
}

#[test]
fn empty_thumbnails_are_rejected() {
    let (token, customer) = (token(), customer());
    let new = ThumbnailOptions::new;
    for (options, setting) in [(new().height(0), "thumbnail height"), (new().width(0), "thumbnail width")] {
        assert_rejected(token.thumbnail_url_with(&customer, &options), setting, "zero");
        assert_rejected(token.animated_thumbnail_url_with(&customer, &options), setting, "zero");
        assert_rejected(token.iframe_url_with_poster(&customer, &options), setting, "zero");
    }
    for (options, setting) in [(new().duration(Duration::ZERO), "thumbnail duration"), (new().fps(0), "thumbnail fps")]
    {
        assert_rejected(token.animated_thumbnail_url_with(&customer, &options), setting, "zero");
        assert_eq!(token.thumbnail_url_with(&customer, &options).unwrap(), token.thumbnail_url(&customer));
    }
}

#[test]
fn manifests_have_the_options_that_are_set() {
    let (token, customer) = (token(), customer());
    let new = ManifestOptions::new;
    for (options, hls, dash) in [
        (new(), "", ""),
        (new().client_bandwidth_hint(1.8), "?clientBandwidthHint=1.8", "?clientBandwidthHint=1.8"),
        (new().client_bandwidth_hint(10.0), "?clientBandwidthHint=10", "?clientBandwidthHint=10"),
        (new().low_latency(true), "?protocol=llhls", ""),
        (new().low_latency(false), "", ""),
        (
            new().low_latency(true).client_bandwidth_hint(0.25),
            "?clientBandwidthHint=0.25&protocol=llhls",
            "?clientBandwidthHint=0.25",
        ),
    ] {
        let url = token.hls_url_with(&customer, &options).unwrap();
        assert_eq!(rest(&token, &url), format!("manifest/video.m3u8{hls}"));
        let url = token.dash_url_with(&customer, &options).unwrap();
        assert_eq!(rest(&token, &url), format!("manifest/video.mpd{dash}"));
    }
    for hint in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let options = new().client_bandwidth_hint(hint);
        assert_rejected(token.hls_url_with(&customer, &options), "client bandwidth hint", "positive");
        assert_rejected(token.dash_url_with(&customer, &options), "client bandwidth hint", "positive");
    }
}

#[test]
fn poster_of_the_player_is_a_signed_thumbnail() {
    let (token, customer) = (token(), customer());
    let poster = ThumbnailOptions::new().time(Duration::from_secs(5)).height(600);
    let url = token.iframe_url_with_poster(&customer, &poster).unwrap();
    let query = rest(&token, &url).strip_prefix("iframe?").unwrap();
    let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let poster = token.thumbnail_url_with(&customer, &poster).unwrap();
    assert_eq!(parameters, [("poster".to_string(), poster.clone())]);
    assert_eq!(rest(&token, &poster), "thumbnails/thumbnail.jpg?time=5s&height=600");
}

#[test]
fn downloads_can_have_a_filename() {
    let (token, customer) = (token(), customer());
    for name in ["MY_VIDEO-1", "a", &"x".repeat(120)] {
        let url = token.download_url_as(&customer, name).unwrap();
        assert_eq!(rest(&token, &url), format!("downloads/default.mp4?filename={name}"));
        let url = token.audio_download_url_as(&customer, name).unwrap();
        assert_eq!(rest(&token, &url), format!("downloads/audio.m4a?filename={name}"));
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
        assert_rejected(token.download_url_as(&customer, name), "filename", reason);
        assert_rejected(token.audio_download_url_as(&customer, name), "filename", reason);
    }
}

#[test]
fn downloads_need_a_token_that_allows_them() {
    let (signer, customer) = (example_signer(), customer());
    for token in [signer.token(VIDEO).sign().unwrap(), signer.token(VIDEO).downloadable(false).sign().unwrap()] {
        let urls: [Result<String, Error>; 6] = [
            token.download_url(&customer),
            token.download_url_as(&customer, "name"),
            token.audio_download_url(&customer),
            token.audio_download_url_as(&customer, "name"),
            token.url(&customer, "downloads/default.mp4"),
            token.url(&customer, "%64ownloads/default.mp4"),
        ];
        for url in urls {
            assert_rejected(url, "token", "downloadable(true)");
        }
        assert!(token.url(&customer, "download").is_ok());
    }
}

#[test]
fn other_urls_are_checked() {
    let (token, customer) = (token(), customer());
    for path in [
        "iframe?autoplay=true&muted=true",
        "manifest/video.m3u8?dvrEnabled=true",
        "captions/en.vtt",
        "a%20b/c?d=%C3%BC",
        "a...b/.c/d.",
        "a/!$&'()*+,;=:@~-_",
        "x?next=../..",
        "x?",
    ] {
        let url = token.url(&customer, path).unwrap();
        assert_eq!(rest(&token, &url), path.strip_suffix('?').unwrap_or(path));
    }
    for (path, reason) in [
        ("", "is empty"),
        ("?a=b", "is empty"),
        ("/iframe", "starts with a slash"),
        ("//evil.example", "starts with a slash"),
        (".", "\"..\""),
        ("..", "\"..\""),
        ("../iframe", "\"..\""),
        ("a/../../b", "\"..\""),
        ("a/.", "\"..\""),
        ("%2e%2E/a", "\"..\""),
        (".%2e/a", "\"..\""),
        ("a%2f..%2Fb", "\"..\""),
        ("a%5c..%5cb", "\"..\""),
        ("iframe#t", "fragment"),
        ("iframe?a#t", "fragment"),
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
        ("a%4", "percent-encoded"),
        ("a%4g", "percent-encoded"),
        ("ü", "percent-encoded"),
        ("a?b=\"c\"", "percent-encoded"),
        ("a%", "percent-encoded"),
        ("a%2", "percent-encoded"),
        ("a%zz", "percent-encoded"),
        ("a?b=%g0", "percent-encoded"),
        ("a%é0", "percent-encoded"),
    ] {
        assert_rejected(token.url(&customer, path), "path", reason);
    }
}
