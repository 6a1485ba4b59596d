// What the peers exchange, as in ../../peers/samples.mjs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sort"
	"strings"
)

const (
	largeBodyBytes   = 16<<20 + 1
	loadRequests     = 2000
	requestsPerDrain = 100
	requestsInFlight = 50
)

func pattern(length int) []byte {
	body := make([]byte, length)
	for at := range body {
		body[at] = byte(at*31 + (at>>8)*17)
	}
	return body
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func largeFields() map[string]string {
	fields := map[string]string{}
	for field := range 10 {
		alphabet := "etaoinshrdlu"
		if field%2 == 1 {
			alphabet = "{}<>\\^~|`"
		}
		value := make([]byte, 4000)
		for at := range value {
			value[at] = alphabet[(at*7+field+(at>>4))%len(alphabet)]
		}
		fields[fmt.Sprintf("x-large-%d", field)] = string(value)
	}
	return fields
}

// digestOfFields is over the large fields alone, in the order of their names.
func digestOfFields(header http.Header) string {
	var lines []string
	for name, values := range header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-large-") {
			lines = append(lines, name+": "+values[0]+"\n")
		}
	}
	sort.Strings(lines)
	return digest([]byte(strings.Join(lines, "")))
}
