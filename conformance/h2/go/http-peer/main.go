// Go's net/http as a peer, by its own HTTP/2.
//
//	http-peer server [CERTIFICATE KEY [AUTHORITY] [VERSION]]      prints its port
//	http-peer client CASE URL [AUTHORITY [CERTIFICATE KEY]]       ends with 0 when the case has passed
//
// A server that is given an authority wants certificates of it from its clients; VERSION is the newest TLS that it speaks.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	args = append(args, "", "", "", "", "", "")
	switch args[0] {
	case "server":
		return serve(args[1], args[2], args[3], args[4])
	case "client":
		c, err := newClient(args[2], args[3], args[4], args[5])
		if err != nil {
			return err
		}
		cases := map[string]func() error{
			"trailers":      c.trailers,
			"large-headers": c.largeHeaders,
			"large-bodies":  c.largeBodies,
			"cancelled":     c.cancelled,
			"load":          c.load,
		}
		if run, known := cases[args[1]]; known {
			return run()
		}
	}
	return errors.New("usage: http-peer server [CERTIFICATE KEY [AUTHORITY] [VERSION]] | client CASE URL [AUTHORITY [CERTIFICATE KEY]]")
}
