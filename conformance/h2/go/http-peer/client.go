// The client of net/http, asking the server under test.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

type client struct {
	http *http.Client
	url  string
}

type answer struct {
	header, trailer http.Header
	body            []byte
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return pool, nil
}

func newClient(url, authority, certificate, key string) (*client, error) {
	var protocols http.Protocols
	transport := &http.Transport{Protocols: &protocols, MaxResponseHeaderBytes: 1 << 20}
	if strings.HasPrefix(url, "https:") {
		roots, err := authorities(authority)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		if certificate != "" {
			own, err := tls.LoadX509KeyPair(certificate, key)
			if err != nil {
				return nil, err
			}
			transport.TLSClientConfig.Certificates = []tls.Certificate{own}
		}
		protocols.SetHTTP2(true)
	} else {
		protocols.SetUnencryptedHTTP2(true)
	}
	return &client{http: &http.Client{Transport: transport}, url: url}, nil
}

func (c *client) ask(path string, body []byte, header map[string]string, trailer http.Header) (*answer, error) {
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		method, reader = http.MethodPost, bytes.NewReader(body)
	}
	request, err := http.NewRequest(method, c.url+path, reader)
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	request.Trailer = trailer
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
		return nil, fmt.Errorf("%s with status %d", response.Proto, response.StatusCode)
	}
	return &answer{response.Header, response.Trailer, received}, nil
}

func (c *client) trailers() error {
	body := []byte("with trailers")
	got, err := c.ask("/echo", body, nil, http.Header{"X-End": {"of the request"}})
	if err != nil {
		return err
	}
	if got.trailer.Get("x-digest") != digest(body) || got.trailer.Get("x-your-x-end") != "of the request" {
		return fmt.Errorf("trailers %v", got.trailer)
	}
	return nil
}

func (c *client) largeHeaders() error {
	fields := largeFields()
	got, err := c.ask("/headers", nil, fields, nil)
	if err != nil {
		return err
	}
	expected := digestOfFields(got.header)
	if got.header.Get("x-fields") != expected {
		return errors.New("the server has seen other fields than it sent back")
	}
	for name, value := range fields {
		if got.header.Get(name) != value {
			return fmt.Errorf("%s came back changed", name)
		}
	}
	return nil
}

func (c *client) largeBodies() error {
	body := pattern(largeBodyBytes)
	got, err := c.ask("/echo", body, nil, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(got.body, body) || got.trailer.Get("x-digest") != digest(body) {
		return fmt.Errorf("%d bytes came back of %d", len(got.body), len(body))
	}
	return nil
}

func (c *client) cancelled() error {
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/endless", nil)
		response, err := c.http.Do(request)
		if err != nil {
			cancel()
			return err
		}
		_, err = io.ReadFull(response.Body, make([]byte, 1000))
		cancel()
		_ = response.Body.Close()
		if err != nil {
			return err
		}
	}
	_, err := c.ask("/", nil, nil, nil)
	return err
}

// load asks many times while every so many answers end their connection in order, or change the server's certificate.
func (c *client) load() error {
	var running sync.WaitGroup
	var failures sync.Map
	numbers := make(chan int)
	for range requestsInFlight {
		running.Add(1)
		go func() {
			defer running.Done()
			for number := range numbers {
				path := "/"
				switch number % requestsPerDrain {
				case 0:
					path = "/drain"
				case requestsPerDrain / 2:
					path = "/renew"
				}
				if _, err := c.ask(path, []byte("x"), map[string]string{"x-id": fmt.Sprint("go-", number)}, nil); err != nil {
					failures.Store(number, err)
				}
			}
		}()
	}
	for number := range loadRequests {
		numbers <- number
	}
	close(numbers)
	running.Wait()
	var lost error
	failures.Range(func(number, err any) bool {
		lost = errors.Join(lost, fmt.Errorf("request %v: %w", number, err.(error)))
		return true
	})
	return lost
}
