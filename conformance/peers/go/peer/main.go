// Command peer is grpc-go as both: `server` prints its port; `client TARGET` reads a CallSpec a line and answers with an Outcome a line.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	pb "trunkline/peers/gen"
)

const largestMessageBytes = 64 << 20

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		serve()
	case len(os.Args) == 3 && os.Args[1] == "client":
		answer(os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: peer server | peer client TARGET")
		os.Exit(2)
	}
}

func answer(target string) {
	call := client(target)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		spec := &pb.CallSpec{}
		outcome := &pb.Outcome{}
		if err := protojson.Unmarshal(line, spec); err != nil {
			outcome.Failure = err.Error()
		} else {
			outcome = call(spec)
		}
		text, err := protojson.Marshal(outcome)
		if err != nil {
			text = []byte(`{"failure":"the outcome has no JSON form"}`)
		}
		fmt.Println(string(text))
	}
}

func pattern(length int32) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(i*31 + (i>>8)*17)
	}
	return bytes
}

func filled(request *pb.Request) *pb.Request {
	if request.PayloadBytes != 0 {
		request.Payload = pattern(request.PayloadBytes)
	}
	return request
}

func digested(reply *pb.Reply) *pb.Reply {
	sum := sha256.Sum256(reply.Payload)
	reply.ReplyBytes = int32(len(reply.Payload))
	reply.ReplySha256 = hex.EncodeToString(sum[:])
	reply.Payload = nil
	return reply
}

func toMetadata(entries []*pb.Entry) metadata.MD {
	md := metadata.MD{}
	for _, entry := range entries {
		md.Append(entry.Key, string(entry.Value))
	}
	return md
}

func toEntries(md metadata.MD) []*pb.Entry {
	var entries []*pb.Entry
	for key, values := range md {
		if !strings.HasPrefix(key, "x-") {
			continue
		}
		for _, value := range values {
			entries = append(entries, &pb.Entry{Key: key, Value: []byte(value)})
		}
	}
	return entries
}
