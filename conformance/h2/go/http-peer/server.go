// The answers of ../../peers/our-server.mjs, by net/http.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

type answers struct {
	begun, givenUp atomic.Int64
}

func serve(certificate, key, authority, version string) error {
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: &answers{}, Protocols: &protocols, MaxHeaderBytes: 1 << 20, TLSConfig: &tls.Config{}}
	if authority != "" {
		roots, err := authorities(authority)
		if err != nil {
			return err
		}
		server.TLSConfig.ClientAuth, server.TLSConfig.ClientCAs = tls.RequireAndVerifyClientCert, roots
	}
	if version == "TLSv1.1" {
		server.TLSConfig.MinVersion, server.TLSConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if certificate == "" {
		return server.Serve(listener)
	}
	return server.ServeTLS(listener, certificate, key)
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.begun.Add(1)
	switch path := r.URL.Path; {
	case path == "/echo":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, _ = w.Write(body)
		w.Header().Set(http.TrailerPrefix+"x-digest", digest(body))
		for name, values := range r.Trailer {
			w.Header().Set(http.TrailerPrefix+"x-your-"+name, values[0])
		}
	case strings.HasPrefix(path, "/bytes/"):
		length, _ := strconv.Atoi(strings.TrimPrefix(path, "/bytes/"))
		body := pattern(length)
		_, _ = w.Write(body)
		w.Header().Set(http.TrailerPrefix+"x-digest", digest(body))
	case path == "/headers":
		for name, values := range r.Header {
			if strings.HasPrefix(strings.ToLower(name), "x-large-") {
				w.Header().Set(name, values[0])
			}
		}
		w.Header().Set("x-fields", digestOfFields(r.Header))
		_, _ = io.WriteString(w, "hello\n")
	case path == "/endless":
		body := pattern(65536)
		for {
			if _, err := w.Write(body); err != nil {
				a.givenUp.Add(1)
				return
			}
		}
	case path == "/reset":
		_, _ = io.WriteString(w, "some of it")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case path == "/stats":
		_ = json.NewEncoder(w).Encode(map[string]int64{"begun": a.begun.Load(), "givenUp": a.givenUp.Load()})
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		if path == "/drain" {
			// To net/http this is the wish to end an HTTP/2 connection in order.
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "hello\n")
	}
}
