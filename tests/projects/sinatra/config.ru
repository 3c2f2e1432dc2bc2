require "./app"

run Greetings
