// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "text/cookie.h"
#include "text/form.h"
#include "text/html.h"
#include "text/json.h"
#include "text/url.h"
#include "text/utf8.h"
#include "text/yaml.h"

namespace openunison::text {
namespace {

using namespace std::string_literals;

TEST(Json, KeepsWhatItReads) {
  const auto json =
      Json::parse(R"({"a":1,"b":[true,null,"x\u00e9"],"c":{"d":1.5},"e":-9223372036854775808})");
  ASSERT_TRUE(json) << json.error().message();
  EXPECT_EQ(*json->find("a")->integer(), 1);
  EXPECT_EQ(json->find("e")->integer() != nullptr, true);
  EXPECT_EQ(json->find("b")->array()->size(), 3u);
  EXPECT_EQ(
      json->dump(),
      "{\"a\":1,\"b\":[true,null,\"x\xc3\xa9\"],\"c\":{\"d\":1.5},\"e\":-9223372036854775808}");
}

TEST(Json, Refuses) {
  for (const std::string& bad :
       {"{\"a\":1,\"a\":2}"s, "{\"exp\":1e400}"s, "{\"a\":1}x"s, "{'a':1}"s, "{\"a\":01}"s, "[1,]"s,
        "\"\xff\""s, "\"\xed\xa0\x80\""s, ""s, "{"s, "nul"s, "\"a\nb\""s, "[NaN]"s,
        std::string(33, '[') + std::string(33, ']'), "{\"a\":{\"b\":1,\"b\":2}}"s}) {
    EXPECT_FALSE(Json::parse(bad)) << bad;
  }
  EXPECT_TRUE(Json::parse(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(Json::parse(std::string(2000, ' ') + "1", 1000));
  EXPECT_NE(Json::parse("{\n  \"a\": x}").error().message().find("line 2"), std::string::npos);
}

TEST(Json, StringsAreSafeInHtmlAndAlwaysValid) {
  std::string out;
  append_json_string(out,
                     "</script>&\"\\\n\x01\xe2\x80\xa8\xff"
                     "é");
  EXPECT_EQ(out.find('<'), std::string::npos);
  EXPECT_EQ(out.find('&'), std::string::npos);
  const auto back = Json::parse(out);
  ASSERT_TRUE(back) << out;
  EXPECT_EQ(*back->string(),
            "</script>&\"\\\n\x01\xe2\x80\xa8\xef\xbf\xbd"
            "é");
}

TEST(Json, WriterMatchesTheTree) {
  std::string out;
  JsonWriter(out)
      .begin_object()
      .member("a", "x")
      .key("b")
      .begin_array()
      .value(1)
      .value(true)
      .end_array()
      .member("c", std::int64_t{-5})
      .end_object();
  EXPECT_EQ(out, R"({"a":"x","b":[1,true],"c":-5})");
}

TEST(Url, Parses) {
  const auto url = Url::parse("HTTPS://Example.COM:8443/a%20b?x=1#f");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/a%20b");
  EXPECT_EQ(*url->query, "x=1");
  EXPECT_EQ(*url->fragment, "f");
  EXPECT_EQ(url->origin(), "https://example.com:8443");
  EXPECT_EQ(Url::parse("https://[::1]:1/")->authority(), "[::1]:1");
  EXPECT_EQ(Url::parse("https://a:443/")->origin(), "https://a");
  EXPECT_EQ(Url::parse_with_userinfo("http://u:p@proxy:3128")->userinfo, "u:p");
}

TEST(JsonObjects, HaveABoundOnNames) {
  const auto object = [](int names) {
    std::string text = "{";
    for (int i = 0; i < names; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_TRUE(Json::parse(object(1024)));
  EXPECT_FALSE(Json::parse(object(1025)));
}

TEST(JsonNumbers, NegativeZeroIsZero) {
  for (const char* zero : {"-0e-2", "-0.0", "-0", "0"}) EXPECT_EQ(Json::parse(zero)->dump(), "0");
}

TEST(Url, Refuses) {
  for (const std::string& bad : {"https://u@a/"s,
                                 "https://u:p@a/"s,
                                 "ftp://a/"s,
                                 "https:///x"s,
                                 "https://"s,
                                 "//a/x"s,
                                 "/x"s,
                                 "https://a\\b/"s,
                                 "https://a b/"s,
                                 "https://a/\n"s,
                                 "https://a:0/"s,
                                 "https://a:65536/"s,
                                 "https://a:x/"s,
                                 "https://a:/"s,
                                 "https://[fe80::1%25eth0]/"s,
                                 "https://a..b/"s,
                                 "https://.a/"s,
                                 "https://%61/"s,
                                 "https://\xc3\xa9/"s,
                                 "javascript:alert(1)"s,
                                 "https://a/\x7f"s,
                                 "BB:^"s,
                                 "https:^"s,
                                 "https:a"s,
                                 "https:/a"s,
                                 "://a"s,
                                 "https://a^/"s,
                                 "https://a/^"s,
                                 "https://a/?^"s,
                                 "https://a/#^"s,
                                 "https://a/##"s,
                                 "https://a/%"s,
                                 "https://a/%1g"s,
                                 "https://a/?%f"s,
                                 "https://[::1/"s,
                                 "https://[::g]/"s,
                                 "https://[1.2.3.4]/"s,
                                 "https://[::1]x/"s,
                                 "https://::1/"s,
                                 "https://a:080/"s,
                                 "https://a:+80/"s,
                                 "https://256.1.1.1/"s,
                                 "https://1.2.3/"s,
                                 "https://0x7f.1/"s,
                                 "https://a@b@c/"s,
                                 "https://1.2.3.4.5/"s,
                                 "https://1.2.3.4../"s,
                                 "https://10.0.0.1.%6eip.io/"s,
                                 "https://10.0.0.1.nip.io:x/"s,
                                 "https://u@10.0.0.1.nip.io/"s}) {
    EXPECT_FALSE(Url::parse(bad)) << bad;
  }
}

// They look like addresses for a while, and are not.
TEST(Url, NamesMayBeginWithDigits) {
  for (const char* host : {"127.0.0.1.example.com", "1.2.3.4x", "10.0.0.1.nip.io", "10.0.0.1-x.y",
                           "1a", "192-168-2-119.nip.io", "255.255.255.255.a"}) {
    const auto url = Url::parse("https://" + std::string(host) + ":8443/a:b@c?d=1.2.3.4x");
    ASSERT_TRUE(url) << host;
    EXPECT_EQ(url->host, host);
    EXPECT_EQ(url->port, 8443);
    EXPECT_EQ(url->path, "/a:b@c");
    EXPECT_EQ(*url->query, "d=1.2.3.4x");
    EXPECT_EQ(url->origin(), "https://" + std::string(host) + ":8443");
  }
  EXPECT_EQ(Url::parse("https://127.0.0.1/x.y")->host, "127.0.0.1");
  EXPECT_EQ(Url::parse_with_userinfo("http://u:p@10.0.0.1.nip.io:1")->userinfo, "u:p");
}

TEST(Url, PercentEncoding) {
  EXPECT_EQ(percent_encode("a b+/é~"), "a%20b%2B%2F%C3%A9~");
  EXPECT_EQ(*percent_decode("a%20b%2b+"), "a b++");
  for (const char* bad : {"%", "%1", "%zz", "a%"}) EXPECT_FALSE(percent_decode(bad)) << bad;
  EXPECT_EQ(add_query("/a", "x", "1&2"), "/a?x=1%262");
  EXPECT_EQ(add_query("/a?b", "x", "1"), "/a?b&x=1");
}

TEST(FormTest, KeepsOrderAndDuplicates) {
  const auto form = Form::parse("a=1&b=x+y&a=2&c&=v&d=%C3%A9");
  ASSERT_TRUE(form);
  EXPECT_EQ(*form->get("a"), "1");
  EXPECT_EQ(form->count("a"), 2u);
  EXPECT_EQ(*form->repeated(), "a");
  EXPECT_EQ(form->value("b"), "x y");
  EXPECT_TRUE(form->get("c"));
  EXPECT_EQ(form->value("d"), "é");
  EXPECT_FALSE(Form::parse("x=1&y=2")->repeated());
}

TEST(FormTest, Refuses) {
  for (const char* bad : {"a=%", "a=%zz", "a=%00", "a=%ff", "%=1"})
    EXPECT_FALSE(Form::parse(bad)) << bad;
  std::string many;
  for (int i = 0; i < 257; ++i) many += "a&";
  EXPECT_FALSE(Form::parse(many));
}

TEST(FormTest, EncodeRoundTrip) {
  Form form;
  form.add("a b", "1&2=3+é");
  EXPECT_EQ(*Form::parse(form.encode())->get("a b"), "1&2=3+é");
}

// However many others come before it.
TEST(CookieHeader, ADuplicateCannotHide) {
  std::string header = "__Host-openunison=mine";
  for (int i = 0; i < 500; ++i) header += "; c" + std::to_string(i) + "=x";
  EXPECT_EQ(Cookies::parse(header).unique("__Host-openunison"), "mine");
  EXPECT_FALSE(Cookies::parse(header + "; __Host-openunison=theirs").unique("__Host-openunison"));
}

TEST(CookiesTest, OnlyWhatOccursOnceIsUsed) {
  const auto cookies =
      Cookies::parse("a=1; b=2;c=3 ; a=4; =x; bad name=1; d=\"q\"; e=x,y; __Host-s=v");
  EXPECT_FALSE(cookies.unique("a")) << "a cookie tossed from a sibling must not win";
  EXPECT_EQ(*cookies.unique("b"), "2");
  EXPECT_EQ(*cookies.unique("c"), "3");
  EXPECT_FALSE(cookies.unique("d"));
  EXPECT_FALSE(cookies.unique("e"));
  EXPECT_EQ(cookies.with_prefix("__Host-").size(), 1u);
}

TEST(CookiesTest, AreAlwaysHostOnlySecureAndHttpOnly) {
  EXPECT_EQ(set_cookie("__Host-a", "v", std::nullopt),
            "__Host-a=v; Path=/; Secure; HttpOnly; SameSite=Lax");
  EXPECT_EQ(set_cookie("__Host-a", "", Seconds(0), SameSite::strict),
            "__Host-a=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
  EXPECT_DEATH(set_cookie("a", "v", std::nullopt), "CHECK");
  EXPECT_DEATH(set_cookie("__Host-a", "v;x", std::nullopt), "CHECK");
}

TEST(Html, EscapesAlways) {
  auto set = TemplateSet::create(
      {{"page",
        "{{>head}}<p title=\"{{x}}\">{{x}}</p>{{#list}}[{{.}}]{{/list}}{{^none}}empty{{/none}}"},
       {"head", "<h1>{{x}}</h1>"}});
  ASSERT_TRUE(set) << set.error().message();
  Json data;
  data.set("x", "<script>\"'&");
  data.set("list", Json(Json::Array{"a", "<b>"}));
  const std::string page = set->render("page", data);
  EXPECT_EQ(page,
            "<h1>&lt;script&gt;&quot;&#39;&amp;</h1><p "
            "title=\"&lt;script&gt;&quot;&#39;&amp;\">&lt;script&gt;&quot;&#39;&amp;</"
            "p>[a][&lt;b&gt;]empty");
}

TEST(Html, RefusesTemplatesThatCouldPrintRawText) {
  for (const char* bad : {"{{{x}}}", "{{&x}}", "{{=<% %>=}}", "{{>missing}}", "{{#a}}", "{{x"})
    EXPECT_FALSE(TemplateSet::create({{"p", bad}})) << bad;
}

TEST(YamlTest, HasPositionsAndQuotes) {
  const auto yaml = Yaml::parse("a: 1\nb:\n  - x\n  - {c: \"true\"}\nd: ~\n");
  ASSERT_TRUE(yaml) << yaml.error().message();
  EXPECT_EQ(yaml->entries[1].position.line, 2);
  EXPECT_EQ(yaml->find("b")->items[0].position.line, 3);
  EXPECT_EQ(yaml->find("b")->items[0].position.column, 5);
  EXPECT_TRUE(yaml->find("b")->items[1].find("c")->quoted);
  EXPECT_FALSE(yaml->find("a")->quoted);
  EXPECT_EQ(yaml->find("d")->kind, Yaml::Kind::null);
}

TEST(YamlTest, Refuses) {
  for (const std::string& bad :
       {"a: 1\na: 2\n"s, "a: &x 1\nb: *x\n"s, "a: 1\n---\nb: 2\n"s, "a: !!binary aGk=\n"s,
        "? [a]\n: 1\n"s, "a: [1\n"s, "\ta: 1\n"s, "a: \xff\n"s, std::string(100, '[')}) {
    EXPECT_FALSE(Yaml::parse(bad)) << bad;
  }
  EXPECT_FALSE(Yaml::parse(std::string(2 << 20, 'a')));
  EXPECT_NE(Yaml::parse("a: 1\nb: 2\na: 3\n").error().message().find("line 3, column 1"),
            std::string::npos);
}

TEST(YamlTest, ScalarsComeBackAsTheyWere) {
  for (const std::string& value : {"plain"s, "true"s, "12"s, "a: b"s, "#x"s, "- x"s, "\"q\""s,
                                   "line\nbreak"s, ""s, "null"s, "é"s, "*a"s, "@x"s}) {
    const auto back = Yaml::parse("k: " + yaml_scalar(value) + "\n");
    ASSERT_TRUE(back) << value;
    EXPECT_EQ(back->find("k")->scalar, value);
    EXPECT_EQ(back->find("k")->kind, Yaml::Kind::scalar);
  }
}

TEST(Utf8, Table) {
  for (const std::string& good : {""s, "a"s, "\xc3\xa9"s, "\xe2\x82\xac"s, "\xf0\x9f\x98\x80"s,
                                  "\xef\xbf\xbf"s, "\xf4\x8f\xbf\xbf"s})
    EXPECT_TRUE(valid_utf8(good));
  for (const std::string& bad :
       {"\x80"s, "\xc0\xaf"s, "\xc1\xbf"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s, "\xf0\x80\x80\xaf"s,
        "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xc3"s, "\xe2\x82"s})
    EXPECT_FALSE(valid_utf8(bad));
  EXPECT_TRUE(has_control("a\x1b[31m"));
  EXPECT_TRUE(has_control("\xc2\x9b"));
  EXPECT_FALSE(has_control("é"));
}

TEST(Nearest, FindsTypingErrors) {
  constexpr std::string_view kNames[] = {"issuer", "client_id", "scopes"};
  EXPECT_EQ(nearest("isuer", kNames, 3), "issuer");
  EXPECT_EQ(nearest("clientid", kNames, 3), "client_id");
  EXPECT_EQ(nearest("zzz", kNames, 3), "");
}

}  // namespace
}  // namespace openunison::text
