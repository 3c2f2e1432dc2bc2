from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

VERSION = "v1"


def version(request):
    return HttpResponse(VERSION, headers={"X-App-Version": VERSION})


urlpatterns = [
    path("health", lambda request: HttpResponse("healthy")),
    path("version", version),
    path("style", lambda request: HttpResponse(static("pages.css"))),
]
