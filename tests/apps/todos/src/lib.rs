//! A JSON API of todos, kept in memory, for clients with a token. The program serves it on http://127.0.0.1:4060/api/v1/todos.

use hearken::{HttpError, Json, Next, Request, Response, Router, Status, with_state};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};

#[derive(Clone, Deserialize, Serialize)]
struct Todo {
    #[serde(skip_deserializing)]
    id: usize,
    title: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Filter {
    done: Option<bool>,
}

type Todos = Mutex<Vec<Option<Todo>>>; // by id; a deleted one leaves its place empty

fn list(todos: &Todos, request: &mut Request) -> Result<Json<Vec<Todo>>, HttpError> {
    let filter: Filter = request.query_as()?;
    let fits = |todo: &&Todo| filter.done.is_none_or(|done| todo.done == done);
    Ok(Json(todos.lock().unwrap().iter().flatten().filter(fits).cloned().collect()))
}

fn get(todos: &Todos, request: &mut Request) -> Result<Option<Json<Todo>>, HttpError> {
    Ok(todos.lock().unwrap().get(request.param::<usize>("id")?).cloned().flatten().map(Json))
}

fn create(todos: &Todos, request: &mut Request) -> Result<Response, HttpError> {
    let mut todo: Todo = request.json()?;
    let mut todos = todos.lock().unwrap();
    todo.id = todos.len();
    todos.push(Some(todo.clone()));
    let location = format!("{}/todos/{}", request.mount(), todo.id);
    Ok(Response::json(&todo).with_status(Status::CREATED).with_header("Location", location))
}

fn update(todos: &Todos, request: &mut Request) -> Result<Json<Todo>, HttpError> {
    let todo = Todo { id: request.param("id")?, ..request.json()? };
    *todos.lock().unwrap().get_mut(todo.id).and_then(Option::as_mut).ok_or(HttpError::NotFound)? = todo.clone();
    Ok(Json(todo))
}

fn delete(todos: &Todos, request: &mut Request) -> Result<Option<Status>, HttpError> {
    Ok(todos.lock().unwrap().get_mut(request.param::<usize>("id")?).and_then(Option::take).map(|_| Status::NO_CONTENT))
}

pub fn app() -> Router {
    let todos = Arc::<Todos>::default();
    let api = Router::new()
        .layer(|request: &mut Request, next: Next<'_>| match request.bearer_token() {
            Some("open-sesame") => Ok(next.respond(request)),
            _ => Err(HttpError::unauthorized("Bearer", "a token is needed")),
        })
        .get("/todos", with_state(&todos, list))
        .post("/todos", with_state(&todos, create))
        .get("/todos/{id}", with_state(&todos, get))
        .put("/todos/{id}", with_state(&todos, update))
        .delete("/todos/{id}", with_state(&todos, delete));
    Router::new().nest("/api/v1", api).errors(|error, _| Response::json(error))
}
