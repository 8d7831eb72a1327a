// Writes encode-go.json: what Go's encoders make of the secrets in secrets.json.
//
//	cd __tests__/core/encoders && go run encode.go
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"os"
	"strconv"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func xmlText(text string) string {
	var out bytes.Buffer
	if err := xml.EscapeText(&out, []byte(text)); err != nil {
		panic(err)
	}
	return out.String()
}

type element struct {
	XMLName xml.Name `xml:"failure"`
	Message string   `xml:"message,attr"`
	Text    string   `xml:",cdata"`
}

func main() {
	secrets := map[string]string{}
	if err := json.Unmarshal(must(os.ReadFile("secrets.json")), &secrets); err != nil {
		panic(err)
	}
	all := map[string]map[string]string{}
	for name, secret := range secrets {
		quoted := string(must(json.Marshal(secret)))
		all[name] = map[string]string{
			"json.Marshal":                  quoted,
			"json.Marshal twice":            string(must(json.Marshal(quoted))),
			"json.Marshal in xml":           xmlText(quoted),
			"xml in json.Marshal":           string(must(json.Marshal(xmlText(secret)))),
			"json.Marshal in base64":        base64.StdEncoding.EncodeToString(must(json.Marshal(map[string]string{"password": secret}))),
			"json.Marshal in RawURL":        base64.RawURLEncoding.EncodeToString(must(json.Marshal(map[string]string{"pw": secret}))),
			"fmt %v of bytes":               fmt.Sprintf("%v", []byte(secret)),
			"fmt %d of bytes":               fmt.Sprintf("%d", []byte(secret)),
			"html.EscapeString":             html.EscapeString(secret),
			"html.EscapeString in json":     string(must(json.Marshal(html.EscapeString(secret)))),
			"template.JSEscapeString":       template.JSEscapeString(secret),
			"template.URLQueryEscaper":      template.URLQueryEscaper(secret),
			"url.QueryEscape":               url.QueryEscape(secret),
			"url.PathEscape":                url.PathEscape(secret),
			"url.UserPassword":              url.UserPassword("user", secret).String(),
			"url.QueryEscape twice":         url.QueryEscape(url.QueryEscape(secret)),
			"strconv.Quote":                 strconv.Quote(secret),
			"strconv.QuoteToASCII":          strconv.QuoteToASCII(secret),
			"strconv.Quote in json":         string(must(json.Marshal(strconv.Quote(secret)))),
			"xml.EscapeText":                xmlText(secret),
			"xml.Marshal":                   string(must(xml.Marshal(element{Message: secret, Text: secret}))),
			"fmt %q":                        fmt.Sprintf("%q", secret),
			"fmt %+q":                       fmt.Sprintf("%+q", secret),
			"fmt %x":                        fmt.Sprintf("%x", secret),
			"fmt %X":                        fmt.Sprintf("%X", secret),
			"fmt % x":                       fmt.Sprintf("% x", secret),
			"fmt %# x":                      fmt.Sprintf("%# x", secret),
			"hex.EncodeToString":            hex.EncodeToString([]byte(secret)),
			"base64.StdEncoding":            base64.StdEncoding.EncodeToString([]byte(secret)),
			"base64.URLEncoding":            base64.URLEncoding.EncodeToString([]byte(secret)),
			"base64.RawStdEncoding":         base64.RawStdEncoding.EncodeToString([]byte(secret)),
			"base64.RawURLEncoding amid":    base64.RawURLEncoding.EncodeToString([]byte("user:" + secret + "\n")),
			"base64.StdEncoding, in an URL": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(secret))),
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		panic(err)
	}
	if err := os.WriteFile("encode-go.json", out.Bytes(), 0o644); err != nil {
		panic(err)
	}
}
