// Decodes our header blocks by golang.org/x/net/http2/hpack. Its input and output are described in ../../../hpack/hpack-decode.py.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/net/http2/hpack"
)

type block struct {
	TableSizes []uint32 `json:"tableSizes"`
	Wire       string   `json:"wire"`
}

func decoded(connection []block) any {
	blocks := [][][3]any{}
	decoder := hpack.NewDecoder(4096, nil)
	for number, block := range connection {
		for _, size := range block.TableSizes {
			decoder.SetAllowedMaxDynamicTableSize(size)
		}
		wire, err := hex.DecodeString(block.Wire)
		var fields []hpack.HeaderField
		if err == nil {
			fields, err = decoder.DecodeFull(wire)
		}
		if err != nil {
			return map[string]any{"error": err.Error(), "block": number}
		}
		list := [][3]any{}
		for _, field := range fields {
			list = append(list, [3]any{latin1(field.Name), latin1(field.Value), field.Sensitive})
		}
		blocks = append(blocks, list)
	}
	return blocks
}

// latin1 makes a character of each octet, as JSON has no octets.
func latin1(octets string) string {
	characters := make([]rune, len(octets))
	for at := range len(octets) {
		characters[at] = rune(octets[at])
	}
	return string(characters)
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var connection []block
		if err := json.Unmarshal(line, &connection); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_ = out.Encode(decoded(connection))
	}
}
