// A hub of the usual Go shape, with gorilla/websocket: one goroutine that owns the clients, a read pump and a write
// pump for each, and a bounded queue between. What a Redis channel carries goes to all of them.
//
//	gorilla-hub PORT REDIS_URL CHANNEL
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
)

const (
	queueLength    = 256
	maxMessageSize = 128
	writeWait      = 10 * time.Second
	pongWait       = 60 * time.Second
	pingPeriod     = pongWait * 9 / 10
)

type client struct {
	socket *websocket.Conn
	queue  chan []byte
}

type hub struct {
	clients    map[*client]struct{}
	register   chan *client
	unregister chan *client
}

// Everything that touches the table of clients happens here. Who does not keep up is dropped.
func (h *hub) run(messages <-chan *redis.Message) {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = struct{}{}
		case c := <-h.unregister:
			h.drop(c)
		case message, ok := <-messages:
			if !ok {
				log.Fatal("Expected a Redis, it went away")
			}
			payload := []byte(message.Payload)
			for c := range h.clients {
				select {
				case c.queue <- payload:
				default:
					h.drop(c)
				}
			}
		}
	}
}

func (h *hub) drop(c *client) {
	if _, known := h.clients[c]; known {
		delete(h.clients, c)
		close(c.queue)
	}
}

func (c *client) readPump(h *hub) {
	defer func() {
		h.unregister <- c
		c.socket.Close()
	}()
	c.socket.SetReadLimit(maxMessageSize)
	c.socket.SetReadDeadline(time.Now().Add(pongWait))
	c.socket.SetPongHandler(func(string) error {
		return c.socket.SetReadDeadline(time.Now().Add(pongWait))
	})
	for {
		if _, _, err := c.socket.ReadMessage(); err != nil {
			return
		}
	}
}

func (c *client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.socket.Close()
	}()
	for {
		select {
		case payload, ok := <-c.queue:
			c.socket.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				c.socket.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.socket.WriteMessage(websocket.TextMessage, payload) != nil {
				return
			}
		case <-ticker.C:
			c.socket.SetWriteDeadline(time.Now().Add(writeWait))
			if c.socket.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: gorilla-hub PORT REDIS_URL CHANNEL")
	}
	options, err := redis.ParseURL(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	subscription := redis.NewClient(options).Subscribe(context.Background(), os.Args[3])
	if _, err := subscription.Receive(context.Background()); err != nil {
		log.Fatal(err)
	}
	h := &hub{map[*client]struct{}{}, make(chan *client), make(chan *client)}
	go h.run(subscription.Channel())

	upgrader := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}
	handler := func(w http.ResponseWriter, r *http.Request) {
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{socket, make(chan []byte, queueLength)}
		h.register <- c
		go c.writePump()
		go c.readPump(h)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	log.Fatal(http.Serve(listener, http.HandlerFunc(handler)))
}
