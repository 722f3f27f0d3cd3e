// One page's worth of zishang520's socket.io-client for Go: `client URL polling|websocket|upgrade`. What it hears goes to
// standard output, a JSON array a line; what it shall do comes from standard input (scripts/clients.ts).
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	server "github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

var output sync.Mutex

func main() {
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetReconnectionDelay(100)
	options.SetReconnectionDelayMax(200)
	switch os.Args[2] {
	case "polling":
		options.SetTransports(types.NewSet(transports.Polling))
	case "websocket":
		options.SetTransports(types.NewSet(transports.WebSocket))
	default:
		options.SetTransports(types.NewSet(transports.Polling, transports.WebSocket))
	}
	client, err := socket.Connect(os.Args[1], options)
	if err != nil {
		panic(err)
	}
	client.On("connect", func(...any) { say("connected") })
	client.On("disconnect", func(said ...any) { say("disconnected", said...) })
	client.On("update", func(said ...any) { say("update", said...) })
	client.On("ask", func(said ...any) {
		say("ask")
		said[len(said)-1].(server.Ack)([]any{"yes", map[string]any{"text": "é😀"}}, nil)
	})
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		order := strings.Fields(orders.Text())
		argument := map[string]any{"room": order[1]}
		if order[0] == "binary" {
			argument["blob"] = bytes(order[2])
		}
		client.EmitWithAck("join", argument)(func(said []any, _ error) { say("joined", said...) })
	}
}

func bytes(length string) types.BufferInterface {
	count, _ := strconv.Atoi(length)
	data := make([]byte, count)
	for index := range data {
		data[index] = byte(index * 37)
	}
	return types.NewBytesBuffer(data)
}

func say(what string, said ...any) {
	line := []any{what}
	for _, each := range said {
		switch value := each.(type) {
		case []byte:
			line = append(line, "hex:"+hex.EncodeToString(value))
		case io.Reader:
			data, _ := io.ReadAll(value)
			line = append(line, "hex:"+hex.EncodeToString(data))
		default:
			line = append(line, value)
		}
	}
	text, err := json.Marshal(line)
	if err != nil {
		text, _ = json.Marshal([]any{what, err.Error()})
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}
