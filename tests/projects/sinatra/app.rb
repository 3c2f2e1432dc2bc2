require "sinatra/base"

class Greetings < Sinatra::Base
  VERSION = "v1".freeze

  get("/health") { "healthy" }

  get "/version" do
    headers "X-App-Version" => VERSION
    VERSION
  end
end
